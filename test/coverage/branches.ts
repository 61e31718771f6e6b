/**
 * Finds the branches of a program: each piece of code that runs only if something decides so. They are counted in the
 * syntax tree, because V8 tells nothing of what is inside of a function that was never called.
 */

export interface Branch {
  /** What makes it a branch; the README beside this file lists them. */
  readonly kind: string;
  /** Where its code begins. It was reached if this place was. */
  readonly start: number;
  readonly end: number;
  /** Where a reader finds it: the name of a function, the word `catch`. */
  readonly shownAt: number;
  /** It only throws what ends the process: it is there for a programmer's error. */
  readonly assertion: boolean;
}

/** A node of the syntax tree, as ESTree defines it. */
interface Syntax {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [key: string]: unknown;
}

const FUNCTION = /^(?:FunctionDeclaration|FunctionExpression|ArrowFunctionExpression)$/;
const LOOP = /^(?:For|ForIn|ForOf|While|DoWhile)Statement$/;
/** Classes of errors that are thrown at programmers. Clients are answered with others. */
const ASSERTION = /^(?:Error|RangeError|TypeError|AssertionFailure)$/;

/** All branches of a program in JavaScript, in the order of their starts. */
export async function findBranches(code: string): Promise<Branch[]> {
  // It cannot be required, and to tsx this file is one that requires.
  const { parseAst } = await import('vitest/node');
  const branches: Branch[] = [];
  const visit = (node: Syntax, parent: Syntax): void => {
    branches.push(...branchesOf(node, parent, code));
    for (const child of childrenOf(node)) visit(child, node);
  };
  const program = parseAst(code) as unknown as Syntax;
  visit(program, program);
  return branches.sort((one, other) => one.start - other.start || other.end - one.end);
}

/** The branches that a node of the tree decides over. */
function branchesOf(node: Syntax, parent: Syntax, code: string): Branch[] {
  const part = (name: string) => node[name] as Syntax;
  const parts = (name: string) => (node[name] ?? []) as readonly Syntax[];
  if (FUNCTION.test(node.type)) {
    const named = /^(?:MethodDefinition|Property)$/.test(parent.type) ? parent : node;
    return [branch('function', part('body'), named.start)];
  }
  switch (node.type) {
    case 'IfStatement': {
      const alternate = node.alternate === null ? [] : [branch('else', part('alternate'))];
      return [branch('if', part('consequent')), ...alternate];
    }
    case 'ConditionalExpression':
      return [branch('?', part('consequent')), branch(':', part('alternate'))];
    case 'LogicalExpression':
      return [branch(node.operator as string, part('right'))];
    case 'MemberExpression':
    case 'CallExpression': {
      if (node.optional !== true) return [];
      const start = code.indexOf('?.', part(node.type === 'CallExpression' ? 'callee' : 'object').end);
      return [branch('?.', { ...node, start })];
    }
    case 'SwitchStatement':
      return parts('cases').map((one) => branch('case', one));
    case 'SwitchCase':
      return restsOf(parts('consequent'));
    case 'CatchClause':
      return [branch('catch', part('body'), node.start)];
    case 'Program':
    case 'BlockStatement':
      return restsOf(parts('body'));
    // The body of a do loop always runs.
    case 'DoWhileStatement':
      return [];
    default:
      return LOOP.test(node.type) ? [branch('loop', part('body'))] : [];
  }
}

function branch(kind: string, code: Syntax, shownAt = code.start): Branch {
  return { kind, start: code.start, end: code.end, shownAt, assertion: isAssertion(code) };
}

/** What follows on a statement that may leave the list, such as `if (…) return`: its unwritten `else`. */
function restsOf(statements: readonly Syntax[]): Branch[] {
  return statements.flatMap((statement, index) => {
    const next = statements.slice(index + 1).find(({ type }) => type !== 'FunctionDeclaration');
    if (next === undefined || !mayLeave(statement)) return [];
    return [{ ...branch('rest', next), end: (statements.at(-1) as Syntax).end }];
  });
}

/** Whether a statement has a jump to outside of it. */
function mayLeave(node: Syntax, inLoop = false, inSwitch = false): boolean {
  switch (node.type) {
    case 'ReturnStatement':
    case 'ThrowStatement':
      return true;
    case 'ContinueStatement':
      return node.label !== null || !inLoop;
    case 'BreakStatement':
      return node.label !== null || !(inLoop || inSwitch);
  }
  if (FUNCTION.test(node.type) || /^Class/.test(node.type)) return false;
  const looping = inLoop || LOOP.test(node.type);
  return childrenOf(node).some((child) => mayLeave(child, looping, inSwitch || node.type === 'SwitchStatement'));
}

function isAssertion(code: Syntax): boolean {
  const [only, ...more] = code.type === 'BlockStatement' ? (code.body as readonly Syntax[]) : [code];
  if (only?.type !== 'ThrowStatement' || more.length > 0) return false;
  const { type, callee } = only.argument as Syntax & { readonly callee?: { readonly name?: string } };
  return type === 'NewExpression' && ASSERTION.test(callee?.name ?? '');
}

function childrenOf(node: Syntax): Syntax[] {
  return Object.values(node)
    .flat()
    .filter((value): value is Syntax => typeof (value as Syntax | null)?.type === 'string');
}
