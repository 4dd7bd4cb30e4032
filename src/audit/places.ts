/** Names of the values that an application keeps: `App\Log::$lines['http'][3]->context`. */

import type { Node } from './report-lines.ts';

/** The place of each node, by its number. */
export function placesOf(nodes: readonly Node[]): string[] {
  const places: string[] = [];
  for (const [index, { parent, key }] of nodes.entries()) {
    // A parent always comes first.
    places[index] = parent < 0 ? key : `${places[parent] ?? '?'}${step(key)}`;
  }
  return places;
}

/** The way from a value to one in it; the first character of the key tells its kind. */
function step(key: string): string {
  const name = key.slice(1);
  switch (key[0]) {
    case 'i':
      return `[${name}]`;
    case 'k':
      return `['${name}']`;
    case 'p':
      return `->${name}`;
    default:
      return '->…';
  }
}

/** The kind of the root that a place begins with. */
export function rootKind(place: string): 'global' | 'static' | 'local' {
  if (place.startsWith('global $')) return 'global';
  return /^[^[>]*\(\) \$/.test(place) ? 'local' : 'static';
}

/** The variable that a place begins with. */
export function rootOf(place: string): string {
  return /^.*?\$\w+/s.exec(place)?.[0] ?? place;
}
