/** Folders, pipes and captured output for the tests of the logs. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Cleanup {
  after(action: () => void): void;
}

/** A folder of this test's own, removed when it ends. */
export function folderFor(t: Cleanup): string {
  const folder = mkdtempSync(join(tmpdir(), 'hathi-log-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Lines of a file, without time stamps. */
export function linesOf(path: string): string[] {
  const text = readFileSync(path, 'utf8');
  return withoutTime(text);
}

/** Lines of a text with `[TIME]` in place of their time. */
export function withoutTime(text: string): string[] {
  const lines = text.split('\n');
  if (lines.pop() !== '') throw new Error(`the last line has no newline: '${text}'`);
  return lines.map((line) =>
    line.replace(/^\[\d\d-[A-Z][a-z]{2}-\d{4} \d\d:\d\d:\d\d(\.\d{6})?\] /, '[TIME] '),
  );
}

export function emptyFile(folder: string, name: string): string {
  const path = join(folder, name);
  writeFileSync(path, '');
  return path;
}
