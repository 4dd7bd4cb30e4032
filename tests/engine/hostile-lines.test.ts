import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ContractError, MessageDecoder } from '../../src/engine/contract.ts';
import { parseHostMessage } from '../../src/engine/host-messages.ts';
import { hostMessages } from '../../src/engine/message-table.ts';
import { hostileLines } from '../master/hostile-lines.ts';

test('no damaged form of any message of the table is read', () => {
  const lines = hostileLines();
  assert.deepEqual(new Set(lines.map(({ verb }) => verb)), new Set(Object.keys(hostMessages)));
  for (const { line, fault } of lines) {
    const read = (): void => {
      for (const message of new MessageDecoder().push(Buffer.from(`${line}\n`, 'latin1')))
        parseHostMessage(message, 1);
    };
    assert.throws(read, ContractError, `${JSON.stringify(line)}: ${fault}`);
  }
});
