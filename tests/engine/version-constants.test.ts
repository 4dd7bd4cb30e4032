/** Constants of the configuration that tell the PHP that runs. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { versionConstant } from '../../src/engine/choice/version-constants.ts';

test('the parts of a version', () => {
  const of = (name: string, version: string | undefined) => versionConstant(name, () => version);
  assert.equal(of('PHP_VERSION', '8.2.36'), '8.2.36');
  assert.equal(of('PHP_VERSION_ID', '8.2.6'), '80206');
  assert.equal(of('PHP_MAJOR_VERSION', '8.2.36'), '8');
  assert.equal(of('PHP_MINOR_VERSION', '8.2.36'), '2');
  assert.equal(of('PHP_RELEASE_VERSION', '8.2.36'), '36');
  assert.deepEqual([of('PHP_EXTRA_VERSION', '8.2.36'), of('PHP_EXTRA_VERSION', '8.5.0-dev')], ['', '-dev']);
  assert.deepEqual([of('E_ALL', '8.3.30'), of('E_ALL', '8.4.0')], ['32767', '30719']);
  assert.equal(of('PHP_VERSION', undefined), undefined);
  assert.equal(of('PHP_SAPI', '8.2.36'), undefined);
});
