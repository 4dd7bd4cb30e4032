/** `hathi profile`: profiles a pool's requests, as a flame graph, folded stacks or a speedscope file. */
import { accessSync, constants, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { AdminError, type AdminText, askAdminText } from '../../top/admin-client.ts';
import { type AdminIo, addressOf, adminCommand, adminExit, adminUsageEnd } from './admin-command.ts';
import { Progress } from './progress.ts';

const usage = `Usage: hathi profile POOL [--seconds N] [--hz N] [--out FILE] [-y FILE] [-p PREFIX] [--connect SOCKET|HOST:PORT]

Looks at the PHP stacks of the pool's busy workers at a steady rate, from outside: no worker is stopped. The time is that
of the clock: a worker that waits for a database is seen in the call that waits. Native engine only.

  --seconds N        for how long, 1 to 100 (default: 10)
  --hz N             looks a second at each busy worker, 1 to 1000 (default: 99)
  --out FILE         .svg: a flame graph that a browser opens; .folded or .txt: folded stacks;
                     .json: a file for speedscope. Without it folded stacks go to standard output
  -y FILE            the configuration of the master, whose admin.listen tells where to ask
  -p PREFIX          as the master was given it
  --connect ADDRESS  instead: the master's admin endpoint: path of a Unix socket, HOST:PORT, [IPv6]:PORT or PORT
  --help             this text

${adminUsageEnd}`;

const optionTypes = {
  seconds: { type: 'string', default: '10' },
  hz: { type: 'string', default: '99' },
  out: { type: 'string' },
  'fpm-config': { type: 'string', short: 'y' },
  prefix: { type: 'string', short: 'p' },
  connect: { type: 'string' },
  help: { type: 'boolean', default: false },
} as const;

const formats: Readonly<Record<string, string>> = {
  '.svg': 'svg',
  '.folded': 'folded',
  '.txt': 'folded',
  '.json': 'speedscope',
};

/** Time for the answer itself, in addition to the profile, milliseconds. */
const answerTime = 10_000;

/**
 * Runs `hathi profile`.
 * @param args arguments after the subcommand.
 * @returns the exit code, one of {@link adminExit}.
 */
export function profileCommand(args: string[], io: AdminIo): Promise<number> {
  return adminCommand({ name: 'profile', usage, parse: () => parse(args) }, io, async (options) => {
    const { out, format } = options;
    if (out !== undefined) checkFolder(out);
    const { address, ...token } = addressOf(options, io.env);
    const wanted = { pool: options.pool, seconds: options.seconds, hz: options.hz, format };
    using shown = countSeconds(options.pool, Number(options.seconds), io);
    const answer = await askAdminText(address, `/api/profile?${new URLSearchParams(wanted)}`, {
      ...token,
      timeout: Number(options.seconds) * 1000 + answerTime,
    });
    shown.clear();
    if (out === undefined) io.stdout.write(answer.body);
    else write(out, answer.body);
    io.stderr.write(`hathi profile: ${summary(answer)}${out === undefined ? '' : `; written to ${out}`}\n`);
    return adminExit.ok;
  });
}

/** Shows the elapsed time on a terminal, until it is disposed. */
function countSeconds(pool: string, seconds: number, { stderr, env }: AdminIo): Progress {
  const progress = new Progress(stderr, env);
  progress.every(
    1000,
    (passed) => `profiling pool ${pool}: ${Math.min(seconds, Math.floor(passed / 1000))} of ${seconds} s`,
  );
  return progress;
}

/** @throws Error with a message for the user */
function parse(args: string[]) {
  const { values, positionals } = parseArgs({
    args,
    options: optionTypes,
    strict: true,
    allowPositionals: true,
  });
  const [pool = ''] = positionals;
  if (!values.help && positionals.length !== 1) throw new Error('needs the name of one pool');
  for (const name of ['seconds', 'hz'] as const) {
    if (!/^[1-9]\d{0,8}$/.test(values[name])) throw new Error(`--${name} must be a whole number from 1`);
  }
  const extension = values.out === undefined ? '.folded' : path.extname(values.out);
  const format = Object.hasOwn(formats, extension) ? formats[extension] : undefined;
  if (format === undefined) throw new Error(`--out must end in one of ${Object.keys(formats).join(', ')}`);
  return { ...values, pool, format };
}

/** Checked in advance: otherwise the profile would be lost. */
function checkFolder(out: string): void {
  const folder = path.dirname(path.resolve(out));
  try {
    accessSync(folder, constants.W_OK);
  } catch (error) {
    throw new AdminError(`Cannot write "${out}": ${(error as Error).message}`);
  }
}

function write(out: string, text: string): void {
  try {
    writeFileSync(out, text);
  } catch (error) {
    throw new AdminError(`Cannot write "${out}": ${(error as Error).message}`);
  }
}

/** Quality of the profile. */
function summary({ headers }: AdminText): string {
  const count = (name: string): number => Number(headers[name]) || 0;
  const [samples, dropped, skipped] = [count('x-samples'), count('x-dropped'), count('x-skipped')];
  const unsteady = count('x-unsteady');
  const none = count('x-looks') === 0 ? ' (no worker was busy)' : '';
  const left = skipped === 0 ? '' : `, ${skipped} looks left out to spare the master`;
  return `${samples} stacks${none}, ${unsteady} of them moved while they were read, ${dropped} looks saw none${left}`;
}
