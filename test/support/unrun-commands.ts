/**
 * The commands in the documents that no test executes, each with the reason. Every other command is executed by
 * `test/process/readme.slow.test.ts`, and its output must be as shown.
 */

import { documentAt } from './documents.ts';
import { commandsOf, sectionOf } from './readme-commands.ts';

export interface UnrunCommand {
  readonly document: string;
  readonly command: string;
  readonly reason: string;
  /** For a command whose output is shown: the test that compares it. */
  readonly comparedBy?: string;
}

const PLACEHOLDER = 'it names a program that only the reader has';
const NEEDS_MAELSTROM = "it needs Jepsen's Maelstrom";

export const UNRUN_COMMANDS: readonly UnrunCommand[] = [
  {
    document: 'README.md',
    command: 'make test',
    reason: 'it runs these tests',
    comparedBy: 'shows the steps of the tests',
  },
  {
    document: 'README.md',
    command: 'bin/snowstorm test -w echo --bin path/to/your-node --node-count 3 --time-limit 10 -- its arguments',
    reason: PLACEHOLDER,
  },
  {
    document: 'src/harness/README.md',
    command:
      'bin/snowstorm test -w echo --bin path/to/your-node --node-count 3 --time-limit 10 -- arguments of your node',
    reason: PLACEHOLDER,
  },
  {
    document: 'src/harness/README.md',
    command: 'bin/snowstorm glomers all --bin path/to/your-{workload}',
    reason: PLACEHOLDER,
  },
  {
    document: 'src/chaos/README.md',
    command: 'maelstrom test -w unique-ids --bin bin/chaos -- --kill 5 --for 25 -- bin/maelstrom-node',
    reason: NEEDS_MAELSTROM,
  },
  {
    document: 'src/host/deployment/README.md',
    command:
      'bin/snowstorm test -w saga --serve 3 --engine etcd:3 --nemesis all --time-limit 60 --rate 30 --concurrency 4n',
    reason: 'it takes a minute and needs etcd; test/process/serve-mutants.slow.test.ts runs shorter ones',
  },
  {
    document: 'src/search/README.md',
    command: `bin/snowstorm explore -w saga --operations 1 --depth 2 --actions kill --at '"cas"' --seed 1`,
    reason: 'it takes minutes',
  },
  {
    document: 'test/bench/README.md',
    command: 'make bench ONLY="node start"',
    reason: 'its figures mean nothing on a machine that is busy with tests',
  },
  {
    document: 'test/coverage/README.md',
    command: 'make coverage SEEDS=50 WORKLOADS="ids saga"',
    reason: 'its program is run by test/coverage, with fewer seeds',
  },
  ...[
    'export MAELSTROM_HOME=path/to/maelstrom',
    'maelstrom/run voucher',
    'maelstrom/run saga --nemesis partition --rate 200 --time-limit 60',
    'maelstrom/run ids --nemesis partition',
    'maelstrom/run unique-ids --rate 1000 --nemesis partition',
    'maelstrom/run lin-kv --nemesis partition',
    'maelstrom/run voucher --bin path/to/your-node -- arguments of your node',
    'maelstrom/run saga --bin bin/chaos -- --kill 5 -- bin/maelstrom-node',
    `maelstrom test -w unique-ids --bin bin/maelstrom-node --node-count 3 --time-limit 30 \\
    --rate 1000 --nemesis partition --availability total`,
    `maelstrom test -w broadcast --bin bin/maelstrom-node --node-count 3 --time-limit 30 \\
    --rate 100 --nemesis partition --availability total -- --workload broadcast`,
    `java -cp maelstrom.jar:maelstrom/src clojure.main -m snowstorm.main \\
    test -w voucher --bin bin/maelstrom-node --node-count 3`,
  ].map((command) => ({ document: 'maelstrom/README.md', command, reason: NEEDS_MAELSTROM })),
  ...[
    'docker compose --file src/host/http/deploy/compose.yaml up --build',
    'docker build --file src/host/http/deploy/Dockerfile --target service --tag snowstorm .',
    'docker build --file src/host/http/deploy/Dockerfile --target etcd --tag snowstorm-etcd .',
    'kubectl apply --filename src/host/http/deploy/kubernetes/etcd.yaml --filename src/host/http/deploy/kubernetes/snowstorm.yaml',
  ].map((command) => ({
    document: 'src/host/http/deploy/README.md',
    command,
    reason: 'it needs a container engine; test/process/deploy.slow.test.ts runs what is in the files',
  })),
  ...[
    'maelstrom/clojure -m snowstorm.check-histories maelstrom/test/histories',
    'maelstrom/clojure -m snowstorm.stand-in-tests 7    # the seed',
  ].map((command) => ({
    document: 'maelstrom/README.md',
    command,
    reason: 'it needs Java and Clojure; test/maelstrom runs it where they are',
  })),
];

/** Sections whose commands are executed by a test of their own, which compares their output. */
const SESSIONS: readonly (Omit<UnrunCommand, 'command'> & { readonly section: string })[] = [
  {
    document: 'src/api/README.md',
    section: 'Try it',
    reason: 'it asks a server that test/process/serve.test.ts starts',
    comparedBy: 'does what its README shows',
  },
  {
    document: 'README.md',
    section: 'Run the services',
    reason: 'the commands need one shell, which test/process/readme-services.slow.test.ts starts',
    comparedBy: 'the first README runs the services as shown',
  },
  {
    document: 'src/host/backup/README.md',
    section: 'Try it',
    reason: 'the commands need one shell, which test/process/readme-services.slow.test.ts starts',
    comparedBy: 'its README backs up and restores as shown',
  },
  {
    document: 'src/host/encryption/README.md',
    section: 'Try it',
    reason: 'the commands need one shell, which test/process/readme-services.slow.test.ts starts',
    comparedBy: 'its README encrypts and changes keys as shown',
  },
];

/** READMEs for folders of their own. */
const TEMPLATES = 'src/cli/templates/';

/** Why a command of a document is not executed; undefined if it is executed. */
export function findUnrun(document: string, command: string): UnrunCommand | undefined {
  if (document.startsWith(TEMPLATES))
    return {
      ...{ document, command, reason: 'it is for the folder that `snowstorm new` writes' },
      comparedBy: 'does what its README says, and its types are right',
    };
  const session = SESSIONS.find(
    (own) => own.document === document && commandsIn(document, own.section).includes(command),
  );
  if (session !== undefined) return { ...session, command };
  return UNRUN_COMMANDS.find((unrun) => unrun.document === document && unrun.command === command);
}

function commandsIn(document: string, section: string): readonly string[] {
  return commandsOf(sectionOf(documentAt(document).text, section)).map(({ command }) => command);
}
