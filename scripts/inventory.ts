/**
 * Compares the embedded PHP with Debian's and lists what it lacks, for docs/embedded.md. Pure except for the data file.
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Names of functions `f()`, constants, classes and their members `C::m()`, by extension. */
export type Names = Readonly<Record<string, readonly string[]>>;

/** Output of scripts/php-inventory.php. */
export interface Inventory {
  readonly version: string;
  readonly extensions: Names;
}

/** The data file, made by scripts/php-inventory.ts. Lists of names are one text with blanks, which is easier to compare. */
export interface InventoryData {
  /** Debian's PHP with its usual extensions: the names of those that an embedded PHP has, too, and all extensions. */
  readonly reference: { readonly version: string; readonly names: Readonly<Record<string, string>> };
  readonly extensions: readonly string[];
  /** By version of the embedded PHP: what it lacks. */
  readonly missing: Readonly<Record<string, Missing>>;
}

export interface Missing {
  readonly extensions: readonly string[];
  /** Of extensions that are there. */
  readonly names: Readonly<Record<string, string>>;
}

export const dataFile = join(import.meta.dirname, '../docs/data/php-inventory.json');

export function readInventory(): InventoryData {
  return JSON.parse(readFileSync(dataFile, 'utf8')) as InventoryData;
}

/** The parts of the reference that another PHP lacks, in any extension; names are compared without regard to case. */
export function missingFrom(
  reference: InventoryData['reference'],
  all: readonly string[],
  found: Inventory,
): Missing {
  const there = new Set(
    Object.values(found.extensions).flatMap((names) => names.map((name) => name.toLowerCase())),
  );
  const names: Record<string, string> = {};
  for (const [extension, text] of Object.entries(reference.names)) {
    const lacking = text.split(' ').filter((name) => name !== '' && !there.has(name.toLowerCase()));
    if (extension in found.extensions && lacking.length > 0) names[extension] = lacking.join(' ');
  }
  return { extensions: all.filter((extension) => !(extension in found.extensions)), names };
}

/** Extensions that a pool can load. */
const loadable: readonly string[] = ['memcached'];

/** The generated part of docs/embedded.md. */
export function inventoryMarkdown({ reference, missing }: InventoryData = readInventory()): string {
  const versions = Object.keys(missing);
  const [first = ''] = versions;
  const everywhere = missing[first];
  if (everywhere === undefined) throw new Error('the inventory has no version of the embedded PHP');
  const lines = [
    `Compared with PHP ${reference.version} of Debian and its usual extensions; embedded: PHP ${versions.join(' and ')}.`,
    '',
    `**Extensions** that are missing: ${everywhere.extensions.map(extensionText).join(', ')}.`,
    '',
    '| extension | functions, constants, classes and members that are missing |',
    '|---|---|',
    ...Object.entries(everywhere.names).map(([extension, names]) => row(extension, names.split(' '))),
  ];
  for (const version of versions.slice(1)) {
    const rows = Object.entries(missing[version]?.names ?? {}).flatMap(([extension, names]) => {
      const known = new Set(everywhere.names[extension]?.split(' '));
      const others = names.split(' ').filter((name) => !known.has(name));
      return others.length === 0 ? [] : [row(extension, others)];
    });
    if (rows.length > 0)
      lines.push('', `In PHP ${version}, beside these:`, '', '| extension | missing |', '|---|---|', ...rows);
  }
  return `${lines.join('\n')}\n`;
}

function extensionText(name: string): string {
  return loadable.includes(name)
    ? `${name} (loaded where a pool asks for it: \`php_admin_value[extension] = ${name}\`)`
    : name;
}

function row(extension: string, names: readonly string[]): string {
  return `| ${extension} | ${names.map((name) => `\`${name}\``).join(' ')} |`;
}
