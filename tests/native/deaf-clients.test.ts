/** Clients that make the protocol answer and read nothing of it, or never stop: they hold no worker. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { after, before, suite, test } from 'node:test';
import { installScripts } from '../contract/scripts.ts';
import { FakeMaster } from '../embedded/fake-master.ts';
import { encodeHead } from '../engine/plain-fastcgi.ts';
import { within } from '../harness/waiting.ts';
import { nativeBuild } from './built-engine.ts';

const { command, skip } = nativeBuild();

function record(type: number, id: number, content: readonly number[]): Buffer {
  return Buffer.from([1, type, id >> 8, id & 255, 0, content.length, 0, 0, ...content]);
}

const begin = (id: number, role: number): Buffer => record(1, id, [0, role, 1, 0, 0, 0, 0, 0]);
const name = Buffer.from('FCGI_MAX_CONNS');

/** Input answered before a request runs. `first` is sent once, `again` until the worker gives up. */
const questions: readonly { readonly what: string; readonly first?: Buffer; readonly again: Buffer }[] = [
  { what: 'unknown management records', again: record(99, 0, []) },
  { what: 'GET_VALUES', again: record(9, 0, [name.length, 0, ...name]) },
  { what: 'requests in an unknown role', again: begin(1, 9) },
  { what: 'requests beside one that is being read', first: begin(1, 1), again: begin(2, 1) },
  { what: 'requests that are given up', again: Buffer.concat([begin(1, 1), record(2, 1, [])]) },
];

suite('clients that do not read', { skip }, () => {
  let master: FakeMaster;
  before(async () => {
    master = await FakeMaster.serving({ command, slots: 1 });
    installScripts(master);
    master.folder.write('body.php', '<?php echo strlen(file_get_contents("php://input"));');
  });
  after(() => master[Symbol.asyncDispose]());

  /** A client that writes as long as the worker takes it. */
  async function flood(first: Buffer, again: Buffer, reads: boolean): Promise<Socket> {
    const socket = connect(master.address);
    await once(socket, 'connect');
    socket.on('error', () => {});
    if (reads) socket.resume();
    const piece = Buffer.concat(Array(Math.ceil(2 ** 18 / again.length)).fill(again));
    const write = (): void => {
      while (!socket.destroyed) if (!socket.write(piece)) break;
    };
    socket.on('drain', write);
    socket.write(first);
    write();
    return socket;
  }

  const served = async (): Promise<void> => {
    const answer = await within(master.get('hello.php'), 'the answer to another client', 20_000);
    assert.equal(answer.body, 'hello');
  };

  for (const { what, first = Buffer.alloc(0), again } of questions) {
    test(`${what}, no answer read`, async () => {
      const socket = await flood(first, again, false);
      const closed = new Promise((resolve) => socket.once('close', resolve));
      await served();
      socket.resume();
      await within(closed, 'the end of the connection');
    });

    test(`${what} without end, all answers read`, async () => {
      const socket = await flood(first, again, true);
      await served();
      socket.destroy();
    });
  }

  test('unknown management records inside of a body, no answer read', async () => {
    const params = master.params('body.php', {
      REQUEST_METHOD: 'PUT',
      CONTENT_LENGTH: String(2 ** 20),
    });
    const notice = master.nextOf('log', ({ text }) => /its client does not read/.test(text));
    const socket = await flood(encodeHead({ params }), record(99, 0, []), false);
    await served();
    assert.equal((await notice).level, 'notice');
    socket.destroy();
  });
});
