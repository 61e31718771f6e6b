/**
 * `snowstorm report`: draws the reports of recorded runs again, for example of runs of other versions.
 */

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { RecordError } from '../host/records/record-error.ts';
import { RESULTS_FILE } from '../host/records/run-folder.ts';
import { describeOptions, parseOptions, switchOption, UsageError } from './options.ts';
import { drawReport } from './recording.ts';

const OPTIONS = { help: switchOption('Prints this text.', 'h') };

const EXIT_CRASH = 255;

const HELP = `Usage: snowstorm report STORE_DIR

Draws report.html of recorded runs again. STORE_DIR is the folder of a run, such as store/latest, or a folder with many
runs, such as store.

${describeOptions(OPTIONS)}

Exit status: 0 all drawn, 254 bad arguments, or a folder without a readable record, 255 the command itself failed.
`;

/** Runs the command; resolves to the exit status. */
export async function reportCommand(args: readonly string[]): Promise<number> {
  const { values, words, rest } = parseOptions(OPTIONS, args);
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const [folder, ...unexpected] = [...words, ...rest];
  if (folder === undefined)
    throw new UsageError('STORE_DIR is missing: name the folder of a run, such as store/latest');
  if (unexpected.length > 0) throw new UsageError(`unexpected argument ${JSON.stringify(unexpected[0])}`);
  const runs = existsSync(join(folder, RESULTS_FILE)) ? [folder] : findRuns(folder);
  if (runs.length === 0) throw new UsageError(`${folder}: there is no recorded run here: ${RESULTS_FILE} is missing`);
  // A run that cannot be read must not stop the others.
  const problems: { readonly text: string; readonly foreseen: boolean }[] = [];
  for (const run of runs) {
    try {
      process.stdout.write(`${drawReport(run)}\n`);
    } catch (error) {
      const foreseen = error instanceof RecordError;
      problems.push({ text: foreseen ? error.message : `${run}: ${describeUnforeseen(error as Error)}`, foreseen });
    }
  }
  const text = problems.map((problem) => problem.text).join('\n');
  if (problems.some(({ foreseen }) => !foreseen)) {
    process.stderr.write(`snowstorm: ${text}\n`);
    return EXIT_CRASH;
  }
  if (problems.length > 0) throw new UsageError(text);
  return 0;
}

/** An error of the system needs no stack. */
function describeUnforeseen(error: NodeJS.ErrnoException): string {
  return (error.code === undefined ? error.stack : undefined) ?? error.message;
}

/** The runs of a store, or of one of its workloads. Links are skipped: they lead to runs that are found anyway. */
function findRuns(folder: string): readonly string[] {
  return foldersIn(folder).flatMap((child) =>
    existsSync(join(child, RESULTS_FILE))
      ? [child]
      : foldersIn(child).filter((run) => existsSync(join(run, RESULTS_FILE))),
  );
}

function foldersIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => join(folder, entry.name))
      .sort();
  } catch (error) {
    throw new UsageError(`${folder}: ${(error as Error).message}`);
  }
}
