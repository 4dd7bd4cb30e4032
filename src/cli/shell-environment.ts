/**
 * The launcher is a shell script, and a shell changes the environment that it hands on: it sets variables of its own,
 * and dash leaves out what is no name of a variable to it. Scripts would see that with `clear_env = no`. So the launcher
 * tells what it was started with, as far as a shell may have changed it.
 */

/** In a line the names that a shell may have changed; then lines `NAME=VALUE`, with a byte 1 for each newline in them. */
const shellVariable = 'HATHI_SHELL_ENV';

/** Gives the environment back what the launcher's shell took or changed, and takes out what it added. */
export function undoShell(env: NodeJS.ProcessEnv): void {
  const [names, ...lines] = env[shellVariable]?.split('\n') ?? [];
  delete env[shellVariable];
  // Not started by the launcher, or where there is no /proc.
  if (names === undefined) return;
  for (const name of names.split('|')) delete env[name];
  for (const line of lines) {
    const equals = line.indexOf('=');
    if (equals > 0) env[line.slice(0, equals)] = line.slice(equals + 1).replaceAll('\u0001', '\n');
  }
}
