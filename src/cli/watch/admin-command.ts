/** Common parts of the commands that ask a running master: its address, and the output. */

import type { Writable } from 'node:stream';
import { defaultConfigFile } from '../../boot/default-config-file.ts';
import { terminalText } from '../../text/terminal.ts';
import { type AdminAddress, AdminError, askAdmin, parseAdminAddress } from '../../top/admin-client.ts';
import { SnapshotError } from '../../top/parse-answer.ts';
import { type Endpoint, findEndpoint } from './admin-endpoint.ts';

/** Exit codes of commands that only read. */
export const adminExit = { ok: 0, failed: 1, usage: 64 } as const;

/** Exit codes of commands that act, by outcome. */
export const actionExit = {
  done: 0,
  /** Nothing has changed. */
  refused: 1,
  partial: 2,
  /** Unknown within the time limit. */
  late: 3,
  usage: 64,
  /** EX_UNAVAILABLE. */
  unreachable: 69,
} as const;

/** Common options of parseArgs. */
export const actionOptions = {
  'fpm-config': { type: 'string', short: 'y' },
  prefix: { type: 'string', short: 'p' },
  connect: { type: 'string' },
  help: { type: 'boolean', default: false },
} as const;

/** Those of the commands that only read. */
export const adminOptions = {
  ...actionOptions,
  json: { type: 'boolean', default: false },
  filter: { type: 'string', default: '' },
} as const;

/** Usage lines about the address. */
export const actionUsage = `  -y FILE            the configuration of the master, which tells where to ask
  -p PREFIX          as the master was given it
  --connect ADDRESS  instead: the master's admin endpoint: path of a Unix socket, HOST:PORT, [IPv6]:PORT or PORT`;

/** Usage lines of {@link adminOptions}. */
export const adminUsage = `${actionUsage}
  --json             the endpoint's answer, everything beyond ASCII escaped
  --filter TEXT      only workers whose pool, state, script or URI holds TEXT`;

export const adminUsageEnd = `HATHI_ADMIN_TOKEN in the environment is sent over TCP, else the admin.token of the configuration.
Exit codes: 0 shown, 1 the master could not be asked, 64 wrong arguments.
`;

/** Usage line of `--timeout`. */
export function timeoutUsage(seconds: number): string {
  return `  --timeout SECONDS  how long to wait for the outcome, ${seconds} unless told; 0: as long as it takes`;
}

/** A day: Node's timers are limited to 24 days. */
const longestWait = 86_400_000;

/**
 * `--timeout` in milliseconds.
 * @throws Error with a message for the user
 */
function readTimeout(text: string): number {
  if (!/^\d{1,5}(?:\.\d{1,3})?$/.test(text)) throw new Error('--timeout must be a number of seconds');
  const limit = Number(text) * 1000;
  return limit === 0 ? longestWait : Math.min(limit, longestWait);
}

/** {@link actionOptions}, and how long the outcome is waited for. */
export const timedOptions = { ...actionOptions, timeout: { type: 'string', default: '60' } } as const;

/**
 * Options with `--timeout` in milliseconds beside them.
 *
 * @throws Error in words for the user
 */
export function withLimit<Values extends { readonly timeout: string }>(
  values: Values,
): Values & { limit: number } {
  return { ...values, limit: readTimeout(values.timeout) };
}

export interface AdminIo {
  readonly stdout: Writable & { readonly isTTY?: boolean; readonly columns?: number };
  readonly stderr: Writable;
  readonly env: NodeJS.ProcessEnv;
}

export interface Connection {
  readonly 'fpm-config'?: string | undefined;
  readonly prefix?: string | undefined;
  readonly connect?: string | undefined;
}

/** Asks the master and parses the JSON answer. @throws AdminError */
export type Ask = (method: 'GET' | 'POST', path: string) => Promise<unknown>;

/** Address of the master. @throws AdminError when the configuration does not tell it */
export function addressOf(
  options: Connection,
  env: NodeJS.ProcessEnv,
): { readonly address: AdminAddress; readonly token?: string } {
  const configured: Endpoint =
    options.connect === undefined
      ? findEndpoint(options['fpm-config'] ?? defaultConfigFile(options.prefix), options.prefix, env)
      : { address: options.connect, token: undefined };
  const token = env['HATHI_ADMIN_TOKEN'] ?? configured.token;
  return { address: parseAdminAddress(configured.address), ...(token === undefined ? {} : { token }) };
}

/** @throws AdminError when the configuration does not tell the master's address */
export function connectTo(options: Connection, env: NodeJS.ProcessEnv): Ask {
  const { address, ...token } = addressOf(options, env);
  return (method, path) => askAdmin(address, path, { method, ...token });
}

/**
 * Parses the arguments and runs a command.
 *
 * @param action returns the exit code
 */
export async function adminCommand<Options extends { readonly help: boolean }>(
  command: {
    readonly name: string;
    readonly usage: string;
    readonly parse: () => Options;
    /** Exit code when the master cannot be asked. */
    readonly unreachable?: number;
  },
  io: AdminIo,
  action: (options: Options) => Promise<number>,
): Promise<number> {
  let options: Options;
  try {
    options = command.parse();
  } catch (error) {
    io.stderr.write(
      `hathi ${command.name}: ${(error as Error).message}\nTry: hathi ${command.name} --help\n`,
    );
    return adminExit.usage;
  }
  if (options.help) {
    io.stdout.write(command.usage);
    return adminExit.ok;
  }
  try {
    return await action(options);
  } catch (error) {
    if (!(error instanceof AdminError || error instanceof SnapshotError)) throw error;
    io.stderr.write(`hathi ${command.name}: ${error.message}\n`);
    return command.unreachable ?? adminExit.failed;
  }
}

/** Writes each reason to standard error; what an application or a file had in it is made harmless. */
export function tellReasons(reasons: readonly string[], io: AdminIo): void {
  for (const reason of reasons) io.stderr.write(`  ${reason.split('\n').map(terminalText).join('\n  ')}\n`);
}

/** Output to a pipe is not cut to the screen's width. */
export function widthOf({ stdout }: AdminIo): number {
  return stdout.isTTY ? (stdout.columns ?? 80) : 200;
}

/** https://no-color.org: any non-empty value disables colour. */
export function wantsColor({ stdout, env }: AdminIo): boolean {
  return stdout.isTTY === true && !env['NO_COLOR'] && env['TERM'] !== 'dumb';
}
