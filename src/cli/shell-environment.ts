/**
 * Restores the launcher's environment. The launcher is a shell script, and shells change the environment that they pass
 * on: its order, by variables of their own, and dash drops names that are invalid for it. Scripts would see that with
 * `clear_env = no`. So the launcher passes its original environment.
 */

/**
 * One line a variable: `NAME=VALUE` if a shell may have changed it, with a byte 1 for each newline; otherwise the name.
 */
const shellVariable = 'HATHI_SHELL_ENV';

/** Restores the environment from before the launcher's shell. */
export function undoShell(env: NodeJS.ProcessEnv): void {
  const told = env[shellVariable];
  delete env[shellVariable];
  // Not started by the launcher, or without /proc.
  if (told === undefined) return;
  const known = { ...env };
  for (const name of Object.keys(known)) delete env[name];
  for (const line of told.split('\n')) {
    const equals = line.indexOf('=');
    const name = equals < 0 ? line : line.slice(0, equals);
    const value = equals < 0 ? known[name] : line.slice(equals + 1).replaceAll('\u0001', '\n');
    if (name !== '' && value !== undefined) env[name] = value;
  }
}
