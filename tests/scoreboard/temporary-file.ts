import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** An open file without a name, as the master hands it to a host; closed at the end of the scope. */
export function temporaryFile(): { readonly fd: number; [Symbol.dispose](): void } {
  const folder = mkdtempSync(join(tmpdir(), 'hathi-scoreboard-'));
  const fd = openSync(join(folder, 'scoreboard'), 'w+', 0o600);
  rmSync(folder, { recursive: true });
  return { fd, [Symbol.dispose]: () => closeSync(fd) };
}
