/** The Debian package of this checkout, with the native engine of the tests. */
import assert from 'node:assert/strict';
import { checkout } from '../harness/folder.ts';
import { run } from '../harness/server.ts';
import { nativeBuild } from '../native/built-engine.ts';

/** @returns its path in the folder; HATHI_TEST_DEB names one that is there */
export async function packDeb(folder: string): Promise<string> {
  const given = process.env['HATHI_TEST_DEB'];
  if (given !== undefined) return given;
  const args = ['--out', folder, '--level', '0', '--engine', nativeBuild().folder];
  const made = await run(process.execPath, ['scripts/package-deb.ts', ...args], {
    cwd: checkout,
    cap: 120_000,
  });
  assert.equal(made.code, 0, made.stderr);
  return made.stdout.trim();
}
