/** Newer packages that apt already knows of. It is asked offline, and makes no cache of its lists for it. */

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import type { PackageUpdate } from '../facts.ts';

/** Prints what `apt-cache policy` says about packages; undefined where that cannot be asked. */
export type AskApt = (root: string, packages: readonly string[]) => string | undefined;

export interface Updates {
  readonly updates: readonly PackageUpdate[];
  /** Undefined when they could be examined. */
  readonly unknown?: string;
}

const program = '/usr/bin/apt-cache';
const patienceMs = 20_000;

/** {@link AskApt} with apt itself. */
export function askApt(root: string, packages: readonly string[]): string | undefined {
  const place = (name: string, path: string): string[] => ['-o', `${name}=${join(root, path)}`];
  const folders =
    root === '/'
      ? []
      : [
          ...place('Dir::Etc', 'etc/apt/'),
          ...place('Dir::State', 'var/lib/apt/'),
          ...place('Dir::State::status', 'var/lib/dpkg/status'),
        ];
  const options = ['-o', 'Dir::Cache::pkgcache=', '-o', 'Dir::Cache::srcpkgcache=', ...folders];
  const { status, stdout } = spawnSync(program, [...options, 'policy', ...packages], {
    env: { LC_ALL: 'C', PATH: '/usr/bin:/bin' },
    encoding: 'utf8',
    timeout: patienceMs,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return status === 0 ? stdout : undefined;
}

export function readUpdates(root: string, packages: readonly string[], ask: AskApt): Updates {
  if (packages.length === 0) return { updates: [] };
  const text = ask(root, packages);
  const found = text === undefined ? [] : parsePolicy(text);
  if (!found.some(({ isListed }) => isListed)) {
    const reason =
      text === undefined ? 'apt cannot be asked' : 'apt has no lists of packages: apt-get update';
    return { updates: [], unknown: `newer packages of PHP: ${reason}` };
  }
  return { updates: found.flatMap(({ update }) => update ?? []) };
}

interface Policy {
  /** An archive has a version of the package. */
  readonly isListed: boolean;
  readonly update: PackageUpdate | undefined;
}

/** Reads the answer of `apt-cache policy`. The candidate is apt's choice, by versions and pins. */
export function parsePolicy(text: string): Policy[] {
  const stanzas = text.split(/^(?=\S.*:$)/m);
  return stanzas.flatMap((stanza): Policy[] => {
    const name = /^(\S+):$/m.exec(stanza)?.[1];
    const installed = /^ {2}Installed: (\S+)$/m.exec(stanza)?.[1];
    const candidate = /^ {2}Candidate: (\S+)$/m.exec(stanza)?.[1];
    if (name === undefined || installed === undefined || candidate === undefined) return [];
    const sources = [...stanza.matchAll(/^ {8,}-?\d+ (.+)$/gm)].map(([, source = '']) => source);
    const isListed = sources.some((source) => !source.endsWith('/var/lib/dpkg/status'));
    if (installed === '(none)' || candidate === '(none)' || installed === candidate)
      return [{ isListed, update: undefined }];
    return [{ isListed, update: { name, installed, candidate, isSecurity: isSecurity(stanza, candidate) } }];
  });
}

/** An archive of security fixes has that version: `bookworm-security`, `jammy-security`. */
function isSecurity(stanza: string, version: string): boolean {
  const rows = stanza.slice(stanza.indexOf('Version table:')).split('\n').slice(1);
  const start = rows.findIndex(
    (row) => /^ (?:\*\*\*| {3}) \S/.test(row) && row.slice(5).split(' ')[0] === version,
  );
  const end = rows.findIndex((row, index) => index > start && /^ (?:\*\*\*| {3}) \S/.test(row));
  const own = rows.slice(start + 1, end < 0 ? undefined : end);
  return start >= 0 && own.some((row) => /-security\//.test(row));
}
