/** Words that sightings have in common. */

import type { Place, PoolConfig } from '../config/directives.ts';
import { asBinary, decodeBinary } from '../text/binary.ts';
import type { PoolFacts } from './facts.ts';

/** `1.4 GB`, `70 MB`: what an operator calls so, multiples of 1024. */
export function size(bytes: number): string {
  const megabytes = bytes / 1024 ** 2;
  return megabytes >= 1024 ? `${(megabytes / 1024).toFixed(1)} GB` : `${Math.round(megabytes)} MB`;
}

export function poolSubject({ name }: Pick<PoolFacts, 'name'>): string {
  return `pool ${name}`;
}

/** Where a pool sets a directive, else where its section begins. */
export function placeOf({ config }: Pick<PoolFacts, 'config'>, directive?: string): Place {
  const { file, line } = (directive === undefined ? undefined : config.places.get(directive)) ?? config;
  return { file: decodeBinary(asBinary(file)), line };
}

/** A line for the section of a pool, with its section when that is not the place of the finding. */
export function inSection({ name }: Pick<PoolConfig, 'name'>, ...lines: readonly string[]): string[] {
  return [`[${name}]`, ...lines];
}

/** `a, b and c`; of many the first ones and a count. */
export function listing(names: readonly string[], most = 5): string {
  const shown = names.length > most ? [...names.slice(0, most), `${names.length - most} more`] : [...names];
  const last = shown.pop() ?? '';
  return shown.length === 0 ? last : `${shown.join(', ')} and ${last}`;
}

/** A version against another one, by its numbers: below 0 where it is older. */
export function compareVersions(left: string, right: string): number {
  return left.localeCompare(right, 'en', { numeric: true });
}

/** `8.2` of `8.2.36`. */
export function branchOf(version: string): string {
  return version.split('.').slice(0, 2).join('.');
}
