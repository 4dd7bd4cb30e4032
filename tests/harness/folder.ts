/** Folders of the tests: created in the system's temporary folder, readable for every user, removed at the end. */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

const kept = new Set<TestFolder>();
// Removes folders of tests that failed before their scope began, or of a file that ran out of time.
process.on('exit', () => {
  for (const folder of kept) folder[Symbol.dispose]();
});

/** A folder of one test. */
export class TestFolder implements Disposable {
  readonly path: string;

  constructor(prefix = 'hathi-test-') {
    this.path = mkdtempSync(join(tmpdir(), prefix));
    // mkdtemp creates it with mode 0700; the pool's user and the web server have to enter it.
    chmodSync(this.path, 0o755);
    kept.add(this);
  }

  /** Path of something in the folder. */
  join(...parts: string[]): string {
    return join(this.path, ...parts);
  }

  /** Makes a folder in it, including parents. `mode` as in chmod(2), whatever the umask. */
  mkdir(path: string, mode = 0o755): string {
    const full = this.join(path);
    mkdirSync(full, { recursive: true });
    chmodSync(full, mode);
    return full;
  }

  /**
   * Writes a file in it, including its folder. The file appears atomically with content and mode: a script may wait for
   * it and take it away. Returns the full path.
   */
  write(path: string, content: string | Uint8Array, mode = 0o644): string {
    const full = this.join(path);
    const fresh = `${full}.fresh`;
    mkdirSync(dirname(full), { recursive: true });
    writeFileSync(fresh, content);
    chmodSync(fresh, mode);
    renameSync(fresh, full);
    return full;
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true, maxRetries: 3 });
    kept.delete(this);
  }
}

/** The checkout that the tests belong to. */
export const checkout = resolve(import.meta.dirname, '../..');

/**
 * A copy of the checkout that every user may read, or the checkout itself if all may already. A pool's host loads its
 * modules after giving up root, so a clone below a 0700 home would fail in every such test. `scripts/test.ts` makes the
 * copy once for the whole run and passes it in HATHI_TEST_CHECKOUT.
 */
export function readableCheckout(): string {
  const given = process.env['HATHI_TEST_CHECKOUT'];
  if (given !== undefined) return given;
  if (process.getuid?.() !== 0 || isOpenToAll(checkout)) return checkout;
  const copy = new TestFolder('hathi-checkout-');
  copyCheckout(copy.path);
  return copy.path;
}

/** Copies everything that a master needs to run, readable for all. */
export function copyCheckout(target: string): void {
  for (const name of ['bin', 'src', 'native', 'package.json', 'node_modules']) {
    cpSync(join(checkout, name), join(target, name), { recursive: true, verbatimSymlinks: true });
  }
  execFileSync('/bin/chmod', ['-R', 'a+rX', target]);
}

/** True when every user can reach and read the folder. */
export function isOpenToAll(path: string): boolean {
  for (let folder = path; ; folder = dirname(folder)) {
    if ((statSync(folder).mode & 0o005) !== 0o005) return false;
    if (folder === dirname(folder)) return true;
  }
}
