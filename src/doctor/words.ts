/** Shared words of sightings. */

import type { Place, PoolConfig } from '../config/directives.ts';
import { asBinary, decodeBinary } from '../text/binary.ts';
import type { PoolFacts } from './facts.ts';

/** `1.4 GB`, `70 MB`: multiples of 1024, in operators' terms. */
export function size(bytes: number): string {
  const megabytes = bytes / 1024 ** 2;
  return megabytes >= 1024 ? `${(megabytes / 1024).toFixed(1)} GB` : `${Math.round(megabytes)} MB`;
}

export function poolSubject({ name }: Pick<PoolFacts, 'name'>): string {
  return `pool ${name}`;
}

/** Place of a pool's directive, else the start of its section. */
export function placeOf({ config }: Pick<PoolFacts, 'config'>, directive?: string): Place {
  const { file, line } = (directive === undefined ? undefined : config.places.get(directive)) ?? config;
  return { file: decodeBinary(asBinary(file)), line };
}

/** A line for a pool's section, with the section's head unless that is the place of the finding. */
export function inSection({ name }: Pick<PoolConfig, 'name'>, ...lines: readonly string[]): string[] {
  return [`[${name}]`, ...lines];
}

/** `a, b and c`; of many only the first ones and a count. */
export function listing(names: readonly string[], most = 5): string {
  const shown = names.length > most ? [...names.slice(0, most), `${names.length - most} more`] : [...names];
  const last = shown.pop() ?? '';
  return shown.length === 0 ? last : `${shown.join(', ')} and ${last}`;
}

/** Compares versions by their numbers: negative if the left one is older. */
export function compareVersions(left: string, right: string): number {
  return left.localeCompare(right, 'en', { numeric: true });
}

/** `8.2` of `8.2.36`. */
export function branchOf(version: string): string {
  return version.split('.').slice(0, 2).join('.');
}
