/** Parts of the native engine as programs of their own under the sanitizers, and what they make of many inputs. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { checkout } from '../harness/folder.ts';

/** The C files of the engine that a target is made of. */
const sources = {
  fcgi: ['wire/body_scan.c', 'wire/fcgi.c', 'wire/management.c', 'wire/pairs.c', 'wire/record.c'],
  channel: ['host/channel.c', 'shared/level.c', 'shared/text.c'],
  relay: [
    'host/relay.c',
    'host/channel.c',
    'host/memory.c',
    'host/orphan_status.c',
    'host/listen_queue.c',
    'host/passed.c',
    'host/status_page.c',
    'host/status_styles.c',
    'host/status_text.c',
    'record/scoreboard.c',
    'record/status_figures.c',
    'record/text_line.c',
    'shared/clock.c',
    'shared/control.c',
    'shared/level.c',
    'shared/settings.c',
    'shared/text.c',
    'wire/params.c',
    'wire/request_id.c',
  ],
} as const;

export type TargetName = keyof typeof sources;

export interface TargetCase {
  readonly input: Uint8Array;
  /** A variant of the target, 0 to 3. */
  readonly variant?: number;
  readonly inputEnds?: boolean;
  /** 0 is in one piece, up to 65535 the length of pieces, else the seed of random ones. */
  readonly cut?: number;
}

const compiler = process.env['CC'] || 'cc';

/** Why there are no targets here; false where there are. */
export const targetSkip =
  spawnSync(compiler, ['--version']).error === undefined ? false : `needs the C compiler "${compiler}"`;

const flags = [
  ...['-std=gnu11', '-D_GNU_SOURCE', '-O1', '-g', '-Wall', '-Wextra', '-Werror'],
  ...['-iquote', join(checkout, 'native')],
  ...['-fsanitize=address,undefined', '-fno-sanitize-recover=all'],
];

/** Compiles a target into a folder. @returns the program. @throws Error with what the compiler said */
export function buildTarget(name: TargetName, folder: string): string {
  const program = join(folder, `fuzz-${name}`);
  const files = [
    join(checkout, 'tests/native/fuzz-target.c'),
    join(checkout, `tests/native/fuzz-${name}.c`),
    ...sources[name].map((file) => join(checkout, 'native', file)),
  ];
  return compileChecked(program, files);
}

/** Compiles C files with the sanitizers. @returns the program. @throws Error with what the compiler said */
export function compileChecked(program: string, files: readonly string[]): string {
  const { status, stderr } = spawnSync(compiler, [...flags, '-o', program, ...files], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`the compiler failed:\n${stderr}`);
  return program;
}

/**
 * Plays cases, one after the other, in one process.
 *
 * @returns the lines that each printed
 * @throws Error with the case that ended the program, and what the sanitizer said
 */
export function playCases(program: string, cases: readonly TargetCase[]): string[][] {
  const { status, signal, stdout, stderr } = spawnSync(program, {
    input: Buffer.concat(cases.flatMap(({ input, ...more }) => [caseHead(input, more), input])),
    maxBuffer: 2 ** 30,
  });
  const played = stdout.toString('latin1').split('===\n').slice(0, -1);
  const failed = cases[played.length];
  if (failed !== undefined || status !== 0) {
    const input = Buffer.from(failed?.input ?? [])
      .toString('hex')
      .slice(0, 2000);
    throw new Error(
      `case ${played.length} ended ${program} by ${signal ?? status}: ${input}\n${stderr.subarray(0, 4000)}`,
    );
  }
  return played.map((text) => text.split('\n').slice(0, -1));
}

function caseHead(
  input: Uint8Array,
  { variant = 0, inputEnds = false, cut = 0 }: Omit<TargetCase, 'input'>,
): Buffer {
  const head = Buffer.alloc(16);
  head[0] = variant;
  head[1] = inputEnds ? 1 : 0;
  head.writeUInt32LE(cut, 4);
  head.writeUInt32LE(input.length, 8);
  return head;
}
