import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mapLargeAllocations } from '../../src/posix/memory.ts';

interface Report {
  readonly header: { readonly glibcVersionRuntime?: string };
}

test('glibc takes the size from which it maps memory; a C library without the setting is no error', () => {
  const { header } = process.report.getReport() as unknown as Report;
  assert.equal(mapLargeAllocations(128 * 1024), header.glibcVersionRuntime !== undefined);
});
