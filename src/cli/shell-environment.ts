/**
 * The launcher is a shell script, and a shell changes the environment that it hands on: its order, by variables of its
 * own, and dash leaves out what is no name of a variable to it. Scripts would see that with `clear_env = no`. So the
 * launcher tells what it was started with.
 */

/** A line a variable: `NAME=VALUE` where a shell may have changed it, with a byte 1 for each newline; else the name. */
const shellVariable = 'HATHI_SHELL_ENV';

/** Makes the environment what it was before the launcher's shell. */
export function undoShell(env: NodeJS.ProcessEnv): void {
  const told = env[shellVariable];
  delete env[shellVariable];
  // Not started by the launcher, or where there is no /proc.
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
