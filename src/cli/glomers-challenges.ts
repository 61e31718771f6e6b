/**
 * The challenges of Fly.io's Gossip Glomers (https://fly.io/dist-sys), as data: the options that each page tells to
 * give to Maelstrom, the figures that it asks for, and the best ones that are known.
 */

/** A figure in the results of a run. */
export interface Figure {
  readonly name: string;
  /** Behind the amount: a space and a unit, or nothing. */
  readonly unit: string;
  /** Where it is in the results, outermost key first. */
  readonly path: readonly string[];
}

/** What a challenge asks of a figure. */
export interface Target {
  readonly figure: Figure;
  /** The amount that it must stay under. Absent: it is shown, and not judged. */
  readonly below?: number;
  readonly bestKnown: number;
}

export interface Challenge {
  /** As in the address of its page: `3d`. */
  readonly name: string;
  readonly title: string;
  /** The options of each of its runs, without `--bin`. */
  readonly runs: readonly string[];
  readonly targets: readonly Target[];
  /** Whose figures are the best known ones; absent without targets. */
  readonly bestKnownOf?: string;
}

/** Messages between nodes and services, for each operation of a client. */
const MESSAGES: Figure = { name: 'messages per operation', unit: '', path: ['net', 'servers', 'msgs-per-op'] };
const OK_FRACTION: Figure = { name: 'ok fraction', unit: '', path: ['availability', 'ok-fraction'] };
const MEDIAN: Figure = { name: 'median latency', unit: ' ms', path: ['workload', 'stable-latencies', '0.5'] };
const MAXIMUM: Figure = { name: 'maximum latency', unit: ' ms', path: ['workload', 'stable-latencies', '1'] };

const BROADCAST_25 = '-w broadcast --node-count 25 --time-limit 20 --rate 100 --latency 100';
const KAFKA_2 = '-w kafka --node-count 2 --concurrency 2n --time-limit 20 --rate 1000';
const TXN_2 = '-w txn-rw-register --node-count 2 --concurrency 2n --time-limit 20 --rate 1000';

export const CHALLENGES: readonly Challenge[] = [
  { name: '1', title: 'Echo', runs: ['-w echo --node-count 1 --time-limit 10'], targets: [] },
  {
    name: '2',
    title: 'Unique ID generation',
    runs: ['-w unique-ids --time-limit 30 --rate 1000 --node-count 3 --availability total --nemesis partition'],
    targets: [],
  },
  {
    name: '3a',
    title: 'Single-node broadcast',
    runs: ['-w broadcast --node-count 1 --time-limit 20 --rate 10'],
    targets: [],
  },
  {
    name: '3b',
    title: 'Multi-node broadcast',
    runs: ['-w broadcast --node-count 5 --time-limit 20 --rate 10'],
    targets: [],
  },
  {
    name: '3c',
    title: 'Fault-tolerant broadcast',
    runs: ['-w broadcast --node-count 5 --time-limit 20 --rate 10 --nemesis partition'],
    targets: [],
  },
  {
    name: '3d',
    title: 'Efficient broadcast, part I',
    runs: [BROADCAST_25],
    targets: [
      { figure: MESSAGES, below: 30, bestKnown: 1.72 },
      { figure: MEDIAN, below: 400, bestKnown: 231 },
      { figure: MAXIMUM, below: 600, bestKnown: 347 },
    ],
    bestKnownOf: 'a star in which a value goes to the hub at once, and the hub sends every 200 ms',
  },
  {
    name: '3e',
    title: 'Efficient broadcast, part II',
    runs: [BROADCAST_25],
    targets: [
      { figure: MESSAGES, below: 20, bestKnown: 0.59 },
      { figure: MEDIAN, below: 1000, bestKnown: 815 },
      { figure: MAXIMUM, below: 2000, bestKnown: 1538 },
    ],
    bestKnownOf: 'a star in which the others send to the hub every 500 ms, and the hub every 900 ms',
  },
  {
    name: '4',
    title: 'Grow-only counter',
    runs: ['-w g-counter --node-count 3 --rate 100 --time-limit 20 --nemesis partition'],
    targets: [{ figure: MESSAGES, bestKnown: 4.8 }],
    bestKnownOf: 'a published node with compare-and-set in seq-kv',
  },
  {
    name: '5a',
    title: 'Single-node Kafka-style log',
    runs: ['-w kafka --node-count 1 --concurrency 2n --time-limit 20 --rate 1000'],
    targets: [],
  },
  {
    name: '5b',
    title: 'Multi-node Kafka-style log',
    runs: [KAFKA_2],
    targets: [
      { figure: MESSAGES, bestKnown: 12.2 },
      { figure: OK_FRACTION, bestKnown: 0.9995 },
    ],
    bestKnownOf: 'a published node (madhavshekhar.com)',
  },
  {
    name: '5c',
    title: 'Efficient Kafka-style log',
    runs: [KAFKA_2],
    targets: [
      { figure: MESSAGES, bestKnown: 6.5 },
      { figure: OK_FRACTION, bestKnown: 0.9995 },
    ],
    bestKnownOf: 'a published node in Go with a leader for each key',
  },
  {
    name: '6a',
    title: 'Single-node, totally-available transactions',
    runs: [
      '-w txn-rw-register --node-count 1 --time-limit 20 --rate 1000 --concurrency 2n ' +
        '--consistency-models read-uncommitted --availability total',
    ],
    targets: [],
  },
  {
    name: '6b',
    title: 'Totally-available, read uncommitted transactions',
    runs: [
      `${TXN_2} --consistency-models read-uncommitted`,
      `${TXN_2} --consistency-models read-uncommitted --availability total --nemesis partition`,
    ],
    targets: [],
  },
  {
    name: '6c',
    title: 'Totally-available, read committed transactions',
    runs: [`${TXN_2} --consistency-models read-committed --availability total --nemesis partition`],
    targets: [],
  },
];
