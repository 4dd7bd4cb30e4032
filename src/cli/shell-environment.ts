/**
 * The launcher is a shell script, and a shell changes the environment that it hands on: it sets variables of its own,
 * dash leaves out names that are no names of variables to it. With `clear_env = no` scripts would see that. So the
 * launcher tells what it was started with, as far as a shell may have changed it.
 */

/** Where bin/hathi puts it: lines of `NAME=VALUE`, a byte 1 for each newline in them. */
export const shellEnvironmentVariable = 'HATHI_SHELL_ENV';

/** Variables that shells set by themselves. */
const shellVariables = ['PWD', 'OLDPWD', 'SHLVL', '_', 'PPID', 'OPTIND', 'IFS'] as const;

/** Gives the environment back what the launcher's shell took or changed, and takes out what it added. */
export function undoShell(env: NodeJS.ProcessEnv): void {
  const told = env[shellEnvironmentVariable];
  delete env[shellEnvironmentVariable];
  // Not started by the launcher, or where there is no /proc.
  if (told === undefined) return;
  for (const name of shellVariables) delete env[name];
  for (const line of told.split('\n')) {
    const equals = line.indexOf('=');
    if (equals > 0) env[line.slice(0, equals)] = line.slice(equals + 1).replaceAll('\u0001', '\n');
  }
}
