/** `hathi status`: pools and workers of a running master, once, as text or JSON. */
import type { Writable } from 'node:stream';
import { parseArgs } from 'node:util';
import { AdminError, askAdmin, parseAdminAddress } from '../top/admin-client.ts';
import { renderReport } from '../top/render.ts';
import { readSnapshot, SnapshotError } from '../top/snapshot.ts';
import { type Endpoint, findEndpoint } from './admin-endpoint.ts';
import { defaultConfigFile } from './fpm.ts';

/** Exit codes of `hathi status`. */
export const statusExit = { ok: 0, failed: 1, usage: 64 } as const;

const usage = `Usage: hathi status [-y FILE] [-p PREFIX] [--connect SOCKET|HOST:PORT] [--json] [--filter TEXT]

Shows the pools and workers of a running master.

  -y FILE            the configuration of the master, whose admin.listen tells where to ask
  -p PREFIX          as the master was given it
  --connect ADDRESS  instead: the master's admin endpoint: path of a Unix socket, HOST:PORT, [IPv6]:PORT or PORT
  --json             the endpoint's answer, everything beyond ASCII escaped
  --filter TEXT      only workers whose pool, state, script or URI holds TEXT
  --help             this text

HATHI_ADMIN_TOKEN in the environment is sent over TCP, else the admin.token of the configuration.
Exit codes: 0 shown, 1 the master could not be asked, 64 wrong arguments.
`;

const optionTypes = {
  'fpm-config': { type: 'string', short: 'y' },
  prefix: { type: 'string', short: 'p' },
  connect: { type: 'string' },
  json: { type: 'boolean', default: false },
  filter: { type: 'string', default: '' },
  help: { type: 'boolean', default: false },
} as const;

export interface StatusIo {
  readonly stdout: Writable & { readonly isTTY?: boolean; readonly columns?: number };
  readonly stderr: Writable;
  readonly env: NodeJS.ProcessEnv;
}

/**
 * Runs `hathi status`.
 * @param args what follows the subcommand.
 * @returns the exit code, one of {@link statusExit}.
 */
export async function statusCommand(args: string[], io: StatusIo): Promise<number> {
  let options: ReturnType<typeof parseOptions>;
  try {
    options = parseOptions(args);
  } catch (error) {
    io.stderr.write(`hathi status: ${(error as Error).message}\nTry: hathi status --help\n`);
    return statusExit.usage;
  }
  if (options.help) {
    io.stdout.write(usage);
    return statusExit.ok;
  }
  try {
    const configured: Endpoint =
      options.connect === undefined
        ? findEndpoint(options['fpm-config'] ?? defaultConfigFile(options.prefix), options.prefix, io.env)
        : { address: options.connect, token: undefined };
    const token = io.env['HATHI_ADMIN_TOKEN'] ?? configured.token;
    await show({ ...configured, token }, options, io);
    return statusExit.ok;
  } catch (error) {
    if (!(error instanceof AdminError || error instanceof SnapshotError)) throw error;
    io.stderr.write(`hathi status: ${error.message}\n`);
    return statusExit.failed;
  }
}

function parseOptions(args: string[]) {
  return parseArgs({ args, options: optionTypes, strict: true, allowPositionals: false }).values;
}

async function show(
  { address, token }: Endpoint,
  { json, filter }: { json: boolean; filter: string },
  io: StatusIo,
) {
  const answer = await askAdmin(
    parseAdminAddress(address),
    '/api/pools',
    token === undefined ? {} : { token },
  );
  if (json) {
    io.stdout.write(`${ascii(JSON.stringify(answer, undefined, 2))}\n`);
    return;
  }
  const snapshot = readSnapshot(answer);
  // Into a pipe nothing is cut for the screen's sake, and no colour is written.
  const width = io.stdout.isTTY ? (io.stdout.columns ?? 80) : 200;
  const rows = renderReport(snapshot, { width, color: wantsColor(io), filter });
  io.stdout.write(`${rows.join('\n')}\n`);
}

/** JSON leaves DEL and C1 controls as they are, and some terminals obey those: as escapes they are the same JSON. */
function ascii(json: string): string {
  return json.replace(/[\u007f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** https://no-color.org: any value that is not empty switches colour off. */
function wantsColor({ stdout, env }: StatusIo): boolean {
  return stdout.isTTY === true && !env['NO_COLOR'] && env['TERM'] !== 'dumb';
}
