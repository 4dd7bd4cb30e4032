/** The program that hosts an engine, and its probe. */

import { execFileSync } from 'node:child_process';
import { NativeEngineError } from './php-config.ts';
import type { BuildRecord } from './store.ts';

/** Its command line without the title, which comes last. */
export function hostProgram(file: string, record: Pick<BuildRecord, 'host' | 'linked'>): readonly string[] {
  if (record.linked !== undefined) return [record.linked.program];
  // The loader splits the variable at these characters and has no escape for them.
  if (/[\s:]/.test(file)) {
    throw new NativeEngineError(
      `Cannot preload the engine "${file}": its path has blanks or colons; set HATHI_ENGINE_DIR to a folder without them`,
    );
  }
  return ['/usr/bin/env', `LD_PRELOAD=${file}`, record.host];
}

/** The PHP that an engine was built for, and the one in which it runs. */
export interface ProbedHost {
  readonly builtFor: string;
  readonly hostedBy: string;
}

/**
 * Starts a host that only reports its PHP.
 *
 * @param command its command line without the title
 * @returns undefined when the engine did not start: it cannot be hosted there
 */
export function probeHost(command: readonly string[]): ProbedHost | undefined {
  const [program = '', ...args] = command;
  try {
    const text = execFileSync(program, [...args, '--probe'], {
      encoding: 'utf8',
      // Binds all symbols at once, so that a missing one shows here instead of during a request.
      env: { PATH: process.env['PATH'], LD_BIND_NOW: '1' },
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: 10_000,
    });
    const words = /^hathi engine: built for (PHP \S+ \(\S+\)), hosted by (PHP \S+ \(\S+\))$/m.exec(text);
    return words === null ? undefined : { builtFor: words[1] ?? '', hostedBy: words[2] ?? '' };
  } catch {
    return undefined;
  }
}

/**
 * With headers of another PHP than the host's it would crash sooner or later.
 *
 * @throws NativeEngineError naming both
 */
export function requireSamePhp({ builtFor, hostedBy }: ProbedHost, host: string): true {
  if (builtFor === hostedBy) return true;
  throw new NativeEngineError(
    `Cannot host the native engine in "${host}": it is ${hostedBy}, the headers are of ${builtFor}; ` +
      'name the php-config that belongs to it',
  );
}
