/** The native engine under GCC's sanitizers: its build, and what they found while it ran. */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { buildEngine } from '../../src/engine/native/build.ts';
import type { PhpInstallation } from '../../src/engine/native/php-config.ts';
import { type BuiltEngine, recordFile } from '../../src/engine/native/store.ts';
import { checkout } from '../harness/folder.ts';

/** `both` is what the gate runs: addresses and undefined behaviour in one build. */
export const sanitizers = ['address', 'undefined', 'both'] as const;

export type Sanitizer = (typeof sanitizers)[number];

/** The sanitizer that HATHI_TEST_SANITIZE asks for. */
export function wantedSanitizer(): Sanitizer | undefined {
  const name = process.env['HATHI_TEST_SANITIZE'];
  if (name === undefined || name === '') return undefined;
  const found = sanitizers.find((known) => known === name);
  if (found === undefined) throw new Error(`HATHI_TEST_SANITIZE="${name}": must be ${sanitizers.join(', ')}`);
  return found;
}

/** That of undefined behaviour needs no library: it ends the process by SIGILL. */
function compilerOptions(sanitizer: Sanitizer): string[] {
  const flags = ['-O0', '-fno-omit-frame-pointer'];
  if (sanitizer !== 'undefined') {
    flags.push('-fsanitize=address', '-Wl,--wrap=_exit', join(checkout, 'tests/native/sanitizer.c'));
  }
  if (sanitizer !== 'address') flags.push('-fsanitize=undefined', '-fsanitize-undefined-trap-on-error');
  return flags;
}

/** Functions of PHP that lose memory, once a start. */
const leaksOfPhp = ['zend_register_functions'];

/** Where the address sanitizer writes what it finds, a file a process. */
function reportFolder(folder: string): string {
  return join(folder, 'reports');
}

/**
 * Options of the address sanitizer. The faults of scripts are ours to answer (native/worker/faults.c), so it is to leave their
 * signals alone. It looks for leaks where a worker ends by itself (sanitizer.c), not where a process exits: PHP gives
 * little back at its end.
 */
function runtimeOptions(folder: string): string {
  const options = {
    detect_leaks: 1,
    leak_check_at_exit: 0,
    handle_segv: 0,
    handle_sigbus: 0,
    handle_sigfpe: 0,
    handle_sigill: 0,
    handle_abort: 0,
    use_sigaltstack: 0,
    detect_stack_use_after_return: 1,
    strict_string_checks: 1,
    // Not first is early enough, and the engine's own dlopen(3) has to come before the sanitizer's.
    verify_asan_link_order: 0,
    log_path: join(reportFolder(folder), 'asan'),
  };
  return Object.entries(options)
    .map(([name, value]) => `${name}=${value}`)
    .join(':');
}

/**
 * Compiles the engine with a sanitizer. Its runtime has to be loaded before PHP, so a script preloads both
 * and stands in the record as the host's program: masters start it like one that was linked.
 */
export function buildSanitized(php: PhpInstallation, folder: string, sanitizer: Sanitizer): BuiltEngine {
  const extra = ['-Werror', ...compilerOptions(sanitizer)];
  const engine = buildEngine(php, folder, { extra, tries: false });
  mkdirSync(reportFolder(folder));
  // Workers write there as the pool's user.
  chmodSync(reportFolder(folder), 0o777);
  if (sanitizer === 'undefined') return engine;
  const compiler = process.env['CC'] || 'cc';
  const runtime = execFileSync(compiler, ['-print-file-name=libasan.so'], { encoding: 'utf8' }).trim();
  const program = join(dirname(engine.file), 'sanitized-host');
  const suppressions = join(folder, 'leaks');
  writeFileSync(suppressions, leaksOfPhp.map((name) => `leak:${name}\n`).join(''));
  const assignments = [
    `LD_PRELOAD='${engine.file}:${runtime}'`,
    `ASAN_OPTIONS='${runtimeOptions(folder)}'`,
    `LSAN_OPTIONS='suppressions=${suppressions}:print_suppressions=0'`,
  ];
  writeFileSync(program, `#!/bin/sh\n${assignments.join(' ')} exec '${engine.record.host}' "$@"\n`, {
    mode: 0o755,
  });
  const record = { ...engine.record, linked: { program, library: engine.record.host } };
  writeFileSync(recordFile(engine.file), JSON.stringify(record));
  return { ...engine, record };
}

/** A process that was killed while it looked for leaks has left this message, or an empty file. */
const killedMeanwhile = /^(?:==\d+==Unable to get registers from thread \d+\.)?$/;

/** Reports of the address sanitizer since the build. */
export function sanitizerReports(folder: string): string[] {
  const reports = reportFolder(folder);
  return readdirSync(reports)
    .map((name) => readFileSync(join(reports, name), 'utf8'))
    .filter(
      (text) =>
        !text
          .trim()
          .split('\n')
          .every((line) => killedMeanwhile.test(line)),
    );
}
