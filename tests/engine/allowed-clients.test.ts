import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { AllowedClients } from '../../src/engine/allowed-clients.ts';

suite('listen.allowed_clients', () => {
  const rows: [list: string | undefined, address: string | undefined, isAdmitted: boolean][] = [
    [undefined, '192.0.2.1', true],
    ['', '192.0.2.1', true],
    [' , ', '192.0.2.1', true],
    ['127.0.0.1', '127.0.0.1', true],
    ['127.0.0.1', '127.0.0.2', false],
    ['127.0.0.1', '::ffff:127.0.0.1', true],
    ['::ffff:127.0.0.1', '127.0.0.1', true],
    ['10.0.0.1,127.0.0.1', '127.0.0.1', true],
    ['10.0.0.1 ,\t127.0.0.1 ', '127.0.0.1', true],
    ['10.0.0.0/8', '10.255.0.1', true],
    ['10.0.0.0/8', '11.0.0.1', false],
    ['0.0.0.0/0', '192.0.2.1', true],
    ['2001:db8::/32', '2001:db8:ffff::1', true],
    ['2001:db8::1', '2001:db8::2', false],
    ['fe80::1', 'fe80::1%eth0', true],
    ['nonsense', '127.0.0.1', false],
    ['nonsense,127.0.0.1', '127.0.0.1', true],
    ['127.0.0.1/33', '127.0.0.1', false],
    ['127.0.0.1', undefined, true],
    ['127.0.0.1', 'nonsense', false],
  ];
  for (const [list, address, isAdmitted] of rows) {
    test(`"${list}" ${isAdmitted ? 'admits' : 'refuses'} ${address}`, () => {
      assert.equal(new AllowedClients(list).admits(address), isAdmitted);
    });
  }

  test('invalid entries are named in the words of PHP-FPM', () => {
    assert.deepEqual(new AllowedClients('127.0.0.1,x.y').problems, [
      "Wrong IP address 'x.y' in listen.allowed_clients",
    ]);
    assert.deepEqual(new AllowedClients('x').problems, [
      "Wrong IP address 'x' in listen.allowed_clients",
      'There are no allowed addresses',
    ]);
  });
});
