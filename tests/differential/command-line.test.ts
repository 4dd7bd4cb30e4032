/** The command line of Hathi against Debian's php-fpm: exit codes, both streams and error_log, to the letter. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { ConfigurationTester } from '../harness/configuration-tester.ts';
import { requires } from '../harness/debian.ts';
import { checkout } from '../harness/folder.ts';
import { type CommandCase, globalText, observeBoth, plainPool, withoutAdditions } from './both.ts';
import {
  differingCases,
  formCases,
  optionCases,
  refusedCases,
  startCases,
  unprivilegedCases,
} from './command-cases.ts';

const skip = requires('root', 'php-fpm');
let tester: ConfigurationTester | undefined;
before(() => {
  if (skip === false) tester = new ConfigurationTester();
});
after(() => tester?.[Symbol.asyncDispose]());

function holds(title: string, cases: readonly CommandCase[]): void {
  describe(title, { skip, concurrency: 2 }, () => {
    for (const given of cases) {
      test(given.name, async () => {
        if (given.differs !== undefined) return differs(given);
        const { 'php-fpm': reference, hathi } = await observeBoth(given, tester);
        assert.deepEqual(withoutAdditions(hathi), reference);
      });
    }
  });
}

holds('options', optionCases);
holds('forms in which the file can be named', formCases);
holds('configurations that are refused', refusedCases);
holds('starts that are refused', startCases);
holds('as an ordinary user', unprivilegedCases);

async function differs(given: CommandCase): Promise<void> {
  const reasons = readFileSync(`${checkout}/docs/differences.md`, 'utf8');
  assert.ok(given.differs !== undefined && reasons.includes(given.differs), 'the document has the reason');
  const { 'php-fpm': reference, hathi } = await observeBoth(given, tester);
  assert.notDeepEqual(withoutAdditions(hathi), reference, 'they do not differ any more');
}

describe('differences on purpose', { skip, concurrency: 2 }, () => {
  for (const given of differingCases) test(given.name, () => differs(given));
});

test('an address that somebody listens at is no fault of the files: -t mentions it, and that is all', {
  skip,
}, async () => {
  await using server = createServer();
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const { 'php-fpm': reference, hathi } = await observeBoth({
    name: 'in use',
    args: (folder) => ['-t', '-y', folder.join('server.conf')],
    files: (folder) =>
      void folder.write('server.conf', globalText(folder) + plainPool(folder, `listen = 127.0.0.1:${port}`)),
  });
  assert.deepEqual(withoutAdditions(hathi), reference);
  assert.equal(reference.code, 0);
  assert.match(hathi.stderr.join('\n'), /^ {2}the address '127\.0\.0\.1:\d+' is in use by .*pid/m);
});
