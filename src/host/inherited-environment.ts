/** What the environment of this process is to the programs that it starts. */

/** The keys of this process's own data. */
export const KEYS_VARIABLE = 'SNOWSTORM_ENCRYPTION_KEY';

/** For programs of others, and for services on stores of their own: all but the keys. */
export function inheritedEnvironment(): NodeJS.ProcessEnv {
  const { [KEYS_VARIABLE]: _, ...inherited } = process.env;
  return inherited;
}
