/** The files of logrotate. */

import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type LogRotation, parseLogrotate } from '../logrotate-config.ts';
import { readSystemText } from './careful-file.ts';

/** Names that logrotate skips in a folder (its `taboo` list, the usual part). */
const taboo = /(?:~|\.(?:bak|cfsaved|disabled|dpkg-\w+|orig|rej|rpmnew|rpmorig|rpmsave|swp|ucf-\w+)|,v)$/;

/** All blocks, those of the main file first; undefined without a configuration of logrotate. */
export function readLogrotate(root: string): LogRotation[] | undefined {
  const main = join(root, 'etc/logrotate.conf');
  const folder = join(root, 'etc/logrotate.d');
  const files = [main, ...namesIn(folder).map((name) => join(folder, name))];
  const texts = files.map((file) => ({ file, text: readSystemText(file) }));
  if (texts.every(({ text }) => text === undefined)) return undefined;
  return texts.flatMap(({ file, text = '' }) => parseLogrotate(text, file));
}

function namesIn(folder: string): string[] {
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return [];
  return readdirSync(folder)
    .filter((name) => !taboo.test(name))
    .sort();
}
