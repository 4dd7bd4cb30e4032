/** The services that start a master with a configuration file. */

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ServiceFacts } from '../facts.ts';
import { startsWith, stopSeconds } from '../service-unit.ts';
import { readSystemText } from './careful-file.ts';

/** The first folder with the unit counts: systemd.unit(5). */
const folders = [
  'etc/systemd/system',
  'run/systemd/system',
  'usr/local/lib/systemd/system',
  'usr/lib/systemd/system',
  'lib/systemd/system',
];

export function readServices(root: string, file: string): ServiceFacts[] {
  const names = new Set(
    folders.flatMap((folder) => namesIn(join(root, folder))).filter((name) => /\.service$/.test(name)),
  );
  return [...names].flatMap((name) => {
    const unit = folders
      .map((folder) => join(root, folder, name))
      .find((path) => readSystemText(path) !== undefined);
    if (unit === undefined) return [];
    const dropIns = folders.toReversed().flatMap((folder) => {
      const place = join(root, folder, `${name}.d`);
      return namesIn(place).map((each) => join(place, each));
    });
    const texts = [unit, ...dropIns].map((path) => readSystemText(path) ?? '');
    return startsWith(texts, file) ? [{ name, file: unit, stopSeconds: stopSeconds(texts) }] : [];
  });
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}
