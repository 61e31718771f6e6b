/**
 * Which anomaly rules out which consistency model: the tables of Elle (`elle.consistency-model`), with its names.
 *
 * A model has a canonical name, mostly Adya's, and a friendly one. Both may be asked for; results have the friendly
 * one. Sources of the tables: Adya, "Weak Consistency"; Adya, Liskov, O'Neil, "Generalized Isolation Level
 * Definitions"; Bailis et al., "Highly Available Transactions"; Cerone, Bernardi, Gotsman, "A Framework for
 * Transactional Consistency Models with Atomic Visibility"; Daudjee, Salem, "Lazy Database Replication with Ordering
 * Guarantees". Predicates do not occur in the workloads here, so their anomalies only join others in the tables.
 */

type Table = Readonly<Record<string, readonly string[]>>;

const CANONICAL_NAMES: Readonly<Record<string, string>> = {
  'consistent-view': 'PL-2+',
  'conflict-serializable': 'PL-3',
  'cursor-stability': 'PL-CS',
  'forward-consistent-view': 'PL-FCV',
  'monotonic-snapshot-read': 'PL-MSR',
  'monotonic-view': 'PL-2L',
  'read-committed': 'PL-2',
  'read-uncommitted': 'PL-1',
  'repeatable-read': 'PL-2.99',
  serializable: 'PL-3',
  'snapshot-isolation': 'PL-SI',
  'strict-serializable': 'PL-SS',
  'strong-serializable': 'PL-SS',
  'update-serializable': 'PL-3U',
  'strong-session-read-uncommitted': 'strong-session-PL-1',
  'strong-session-read-committed': 'strong-session-PL-2',
  'strong-read-uncommitted': 'strong-PL-1',
  'strong-read-committed': 'strong-PL-2',
};

/** Of two friendly names, the later one is printed: `strong-serializable`, as Elle does. */
const FRIENDLY_NAMES: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(CANONICAL_NAMES).map(([friendly, canonical]) => [canonical, friendly]),
);

/** A model, and the weaker ones that it implies. */
const WEAKER_MODELS: Table = canonicalTable({
  'causal-cerone': ['read-atomic'],
  'consistent-view': ['cursor-stability', 'monotonic-view'],
  'conflict-serializable': ['view-serializable'],
  'cursor-stability': ['read-committed'],
  'forward-consistent-view': ['consistent-view'],
  'read-committed': ['read-uncommitted'],
  'update-serializable': ['forward-consistent-view'],
  'monotonic-atomic-view': ['read-committed'],
  'monotonic-view': ['read-committed'],
  'monotonic-snapshot-read': ['read-committed'],
  'parallel-snapshot-isolation': ['causal-cerone', 'update-atomic'],
  prefix: ['causal-cerone'],
  'read-atomic': ['monotonic-atomic-view'],
  'repeatable-read': ['cursor-stability', 'monotonic-atomic-view'],
  'update-atomic': ['read-atomic'],
  serializable: ['repeatable-read', 'snapshot-isolation', 'update-serializable', 'view-serializable'],
  'session-serializable': ['1SR'],
  'snapshot-isolation': [
    'forward-consistent-view',
    'monotonic-atomic-view',
    'monotonic-snapshot-read',
    'parallel-snapshot-isolation',
    'prefix',
  ],
  'strict-serializable': [
    'serializable',
    'linearizable',
    'strong-snapshot-isolation',
    'strong-session-serializable',
    'session-serializable',
  ],
  'strong-session-read-uncommitted': ['read-uncommitted'],
  'strong-session-read-committed': ['read-committed', 'strong-session-read-uncommitted'],
  'strong-read-uncommitted': ['strong-session-read-uncommitted'],
  'strong-read-committed': ['strong-session-read-committed', 'strong-read-uncommitted'],
  'strong-session-serializable': ['serializable', 'strong-session-snapshot-isolation'],
  'strong-session-snapshot-isolation': ['snapshot-isolation', 'strong-session-read-committed'],
  'strong-snapshot-isolation': ['strong-session-snapshot-isolation', 'strong-read-committed'],
  linearizable: ['sequential'],
  sequential: ['causal'],
  causal: ['writes-follow-reads', 'PRAM'],
  PRAM: ['monotonic-reads', 'monotonic-writes', 'read-your-writes'],
});

/** A model, and the anomalies that it forbids beyond those of the weaker ones. */
const FORBIDDEN_ANOMALIES: Table = canonicalTable({
  'causal-cerone': ['internal', 'G1a'],
  'cursor-stability': ['G1', 'G-cursor', 'lost-update'],
  'monotonic-view': ['G1', 'G-monotonic'],
  'monotonic-snapshot-read': ['G1', 'G-MSR'],
  'consistent-view': ['G1', 'G-single'],
  'forward-consistent-view': ['G1', 'G-SIb'],
  'parallel-snapshot-isolation': ['internal', 'G1a'],
  serializable: ['internal', 'G1', 'G2', 'predicate-read-miss', 'PL-3-cycle-exists'],
  'read-committed': ['G1', 'PL-2-cycle-exists'],
  'read-uncommitted': ['G0', 'duplicate-elements', 'cyclic-versions', 'PL-1-cycle-exists'],
  prefix: ['internal', 'G1a'],
  'snapshot-isolation': ['internal', 'G1', 'G-SI', 'G-nonadjacent', 'PL-SI-cycle-exists'],
  'read-atomic': ['internal', 'G1a', 'future-read'],
  'repeatable-read': ['G1', 'G2-item', 'PL-2.99-cycle-exists', 'lost-update'],
  'update-atomic': ['lost-update'],
  'strict-serializable': ['G1', 'G1c-realtime', 'G2-realtime', 'PL-SS-cycle-exists'],
  'strong-session-read-uncommitted': ['strong-session-PL-1-cycle-exists', 'G0-process'],
  'strong-session-read-committed': ['strong-session-PL-2-cycle-exists', 'G1c-process'],
  'strong-read-uncommitted': ['strong-PL-1-cycle-exists', 'G0-realtime'],
  'strong-read-committed': ['strong-PL-2-cycle-exists', 'G1c-realtime'],
  'strong-session-snapshot-isolation': [
    'internal',
    'G1-process',
    'G-nonadjacent-process',
    'strong-session-snapshot-isolation-cycle-exists',
  ],
  'strong-snapshot-isolation': [
    'internal',
    'G1-realtime',
    'G-nonadjacent-realtime',
    'strong-snapshot-isolation-cycle-exists',
  ],
  'strong-session-serializable': ['G1-process', 'G2-process', 'strong-session-serializable-cycle-exists'],
  'update-serializable': ['G1', 'G-update'],
});

/** An anomaly, and those of which it is a case. */
const IMPLIED_ANOMALIES: Table = {
  G0: ['G1c', 'G0-process'],
  'G0-process': ['G1c-process', 'G0-realtime'],
  'G0-realtime': ['G1c-realtime'],
  G1a: ['G1'],
  G1b: ['G1'],
  G1c: ['G1', 'G1c-process'],
  'G1c-process': ['G1c-realtime', 'G1-process'],
  'G1c-realtime': ['G1-realtime'],
  G1: ['G1-process'],
  'G1-process': ['G1-realtime'],
  'G-single-item': ['G-single', 'G-single-item-process', 'G-nonadjacent-item'],
  'G-single-item-process': ['G-single-process', 'G-single-item-realtime', 'G-nonadjacent-item-process'],
  'G-single-item-realtime': ['G-single-realtime', 'G-nonadjacent-item-realtime'],
  'G-single': ['G-nonadjacent', 'GSIb', 'G-single-process'],
  'G-single-process': ['G-nonadjacent-process', 'G-single-realtime'],
  'G-single-realtime': ['G-nonadjacent-realtime'],
  'G-nonadjacent-item': ['G-nonadjacent', 'G2-item', 'G-nonadjacent-item-process'],
  'G-nonadjacent-item-process': ['G-nonadjacent-process', 'G2-item-process', 'G-nonadjacent-item-realtime'],
  'G-nonadjacent-item-realtime': ['G2-item-realtime', 'G-nonadjacent-realtime'],
  'G-nonadjacent': ['G2', 'G-nonadjacent-process'],
  'G-nonadjacent-process': ['G2-process', 'G-nonadjacent-realtime'],
  'G-nonadjacent-realtime': ['G2-realtime'],
  G2: ['G2-process'],
  'G2-item': ['G2', 'G2-item-process'],
  'G2-item-process': ['G2-process', 'G2-item-realtime'],
  'G2-item-realtime': ['G2-realtime'],
  'G2-process': ['G2-realtime'],
  GSIa: ['GSI'],
  GSIb: ['GSI'],
  'incompatible-order': ['G1a'],
  'future-read': ['G1c'],
  'dirty-update': ['G1a'],
  'lost-update': ['write-skew', 'G2-item'],
  'write-skew': ['G2'],
};

const STRONGER_MODELS = reversed(WEAKER_MODELS);
const MODELS_AGAINST = reversed(FORBIDDEN_ANOMALIES);
const CASES_OF_ANOMALIES = reversed(IMPLIED_ANOMALIES);

const KNOWN_MODELS: ReadonlySet<string> = new Set([
  ...Object.keys(CANONICAL_NAMES),
  ...Object.keys(FRIENDLY_NAMES),
  ...Object.keys(WEAKER_MODELS),
  ...Object.values(WEAKER_MODELS).flat(),
]);

/** What to ask for if nothing else is said, as Maelstrom does. */
export const DEFAULT_MODELS: readonly string[] = ['strict-serializable'];

/**
 * Checks names of models, friendly or canonical.
 *
 * @throws an Error that names the model: an unknown one, or one that forbids nothing that could be found
 */
export function checkModels(models: readonly string[]): void {
  if (models.length === 0) throw new Error('no consistency model is named: name one, such as strict-serializable');
  for (const model of models) {
    if (!KNOWN_MODELS.has(model)) {
      const judging = [...KNOWN_MODELS].filter((known) => forbiddenAnomalies([known]).size > 0).sort();
      throw new Error(`"${model}" is no consistency model. Those that can be judged: ${judging.join(', ')}`);
    }
    if (forbiddenAnomalies([model]).size > 0) continue;
    throw new Error(
      `the consistency model "${model}" forbids nothing that a history of transactions shows, so every run would be ` +
        'valid. Name one that does, such as serializable or strict-serializable',
    );
  }
}

export function canonicalModel(model: string): string {
  return CANONICAL_NAMES[model] ?? model;
}

export function friendlyModel(model: string): string {
  return FRIENDLY_NAMES[model] ?? model;
}

/** The models themselves and all weaker ones, by canonical names. */
export function impliedModels(models: Iterable<string>): ReadonlySet<string> {
  return reach(WEAKER_MODELS, [...models].map(canonicalModel));
}

/** The anomalies that must not be there if all the models are to hold: forbidden ones, and all cases of them. */
export function forbiddenAnomalies(models: Iterable<string>): ReadonlySet<string> {
  return reach(
    CASES_OF_ANOMALIES,
    [...impliedModels(models)].flatMap((model) => FORBIDDEN_ANOMALIES[model] ?? []),
  );
}

/** The anomalies themselves, and those of which they are cases. */
export function impliedAnomalies(anomalies: Iterable<string>): ReadonlySet<string> {
  return reach(IMPLIED_ANOMALIES, anomalies);
}

/** The models themselves and all stronger ones, by canonical names. */
export function strongerModels(models: Iterable<string>): ReadonlySet<string> {
  return reach(STRONGER_MODELS, models);
}

/** The models that cannot hold if the anomalies are there, by canonical names. */
export function impossibleModels(anomalies: Iterable<string>): ReadonlySet<string> {
  return strongerModels([...impliedAnomalies(anomalies)].flatMap((anomaly) => MODELS_AGAINST[anomaly] ?? []));
}

/** The models that anomalies rule out, by friendly names, sorted: the weakest ones, and all that are stronger. */
export function boundary(anomalies: Iterable<string>): { not: readonly string[]; 'also-not': readonly string[] } {
  const impossible = [...impossibleModels(anomalies)];
  const isWeakest = (model: string) => {
    const weaker = reach(WEAKER_MODELS, [model]);
    return !impossible.some((other) => other !== model && weaker.has(other));
  };
  const named = (models: readonly string[]) => models.map(friendlyModel).sort();
  return {
    not: named(impossible.filter(isWeakest)),
    'also-not': named(impossible.filter((model) => !isWeakest(model))),
  };
}

function canonicalTable(table: Table): Table {
  const canonical: Record<string, readonly string[]> = {};
  for (const [model, entries] of Object.entries(table)) {
    const name = canonicalModel(model);
    canonical[name] = [...(canonical[name] ?? []), ...entries.map(canonicalModel)];
  }
  return canonical;
}

function reversed(table: Table): Table {
  const reverse: Record<string, string[]> = {};
  for (const [from, targets] of Object.entries(table)) {
    for (const to of targets) {
      reverse[to] ??= [];
      reverse[to].push(from);
    }
  }
  return reverse;
}

/** What can be reached from some entries, themselves included. */
function reach(table: Table, from: Iterable<string>): ReadonlySet<string> {
  const reached = new Set(from);
  // A set's iterator also visits what is added on the way.
  for (const entry of reached) for (const next of table[entry] ?? []) reached.add(next);
  return reached;
}
