/** The keeper of sockets, as a master speaks to it: docs/contract.md section 8. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, closeSync, fstatSync } from 'node:fs';
import { connect } from 'node:net';
import { suite, test } from 'node:test';
import { contractVersion } from '../../src/engine/contract.ts';
import { keeperCommand, locateEngine } from '../../src/engine/native/locate.ts';
import { SocketKeeper } from '../../src/master/socket-keeper.ts';
import { bind, isListening, listen, openSocket } from '../../src/posix/sockets.ts';
import { TestFolder } from '../harness/folder.ts';
import { cleanEnv, isRoot } from '../harness/server.ts';
import { within } from '../harness/waiting.ts';
import { nativeBuild } from './built-engine.ts';

const { skip, folder: engines } = nativeBuild();

/** A keeper with its folder. */
class Kept implements AsyncDisposable {
  readonly folder = new TestFolder();
  readonly meeting = this.folder.join('keeper.sock');
  readonly keeper: SocketKeeper;
  readonly lost = Promise.withResolvers<void>();
  readonly #opened: number[] = [];

  constructor() {
    const located = locateEngine(undefined, [engines]);
    if ('missing' in located) throw new Error(located.missing);
    const meeting = this.listen('keeper.sock');
    this.keeper = SocketKeeper.start(keeperCommand(located.engine), meeting, cleanEnv(), () =>
      this.lost.resolve(),
    );
    this.keeper.survive(60);
  }

  listen(name: string): number {
    const fd = openSocket('unix');
    bind(fd, { family: 'unix', path: this.folder.join(name) });
    listen(fd, 8);
    this.#opened.push(fd);
    return fd;
  }

  /** This process has no socket any more. */
  forget(): void {
    for (const fd of this.#opened.splice(0)) closeSync(fd);
  }

  /** Whether a connection can be made. */
  async accepts(name: string): Promise<boolean> {
    const socket = connect(this.folder.join(name));
    const isThere = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    });
    socket.destroy();
    return isThere;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.forget();
    await this.keeper.end();
    this.folder[Symbol.dispose]();
  }
}

suite('the keeper of sockets', { skip }, () => {
  test('hundreds go to the next master, and to the one after it; the end closes them', async () => {
    await using kept = new Kept();
    const sockets = Array.from({ length: 300 }, (_, index) => kept.listen(`${index}.sock`));
    const inodes = sockets.map((fd) => fstatSync(fd).ino);
    kept.keeper.keep(sockets);
    kept.keeper.drop(inodes[7]!);
    kept.keeper.drop(12345678901);
    kept.keeper.leave();
    kept.forget();
    const left = inodes.filter((_, index) => index !== 7).sort();
    let last: SocketKeeper | undefined;
    for (let time = 0; time < 2; time += 1) {
      const found = SocketKeeper.find(kept.meeting, () => {});
      assert.equal(found.version, contractVersion);
      assert.deepEqual(found.sockets.map((fd) => fstatSync(fd).ino).sort(), left);
      assert.ok(found.sockets.every(isListening));
      for (const fd of found.sockets) closeSync(fd);
      if (time === 0) found.keeper.leave();
      else last = found.keeper;
    }
    assert.deepEqual([await kept.accepts('7.sock'), await kept.accepts('8.sock')], [false, true]);
    await last?.end();
    assert.equal(await kept.accepts('8.sock'), false);
    assert.throws(() => SocketKeeper.find(kept.meeting, () => {}), /Connection refused/);
  });

  test('another user gets nothing, and a master that breaks off does not count', {
    skip: !isRoot && 'needs root',
  }, async () => {
    await using kept = new Kept();
    kept.keeper.keep([kept.listen('a.sock')]);
    kept.keeper.leave();
    kept.forget();
    const script = `require('node:net').connect(${JSON.stringify(kept.meeting)}).on('data', (d) => console.log(String(d))).on('error', (e) => console.log(e.code)).write('.')`;
    // The folder of a master keeps others out; here the mode of the socket lets them in.
    chmodSync(kept.meeting, 0o777);
    const other = spawn(process.execPath, ['-e', script], {
      uid: 65534,
      gid: 65534,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let said = '';
    other.stdout.on('data', (part) => {
      said += String(part);
    });
    await within(once(other, 'close'), 'the end of the other user');
    assert.doesNotMatch(said, /keeping/);
    const silent = connect(kept.meeting);
    await once(silent, 'connect');
    silent.destroy();
    const { sockets, keeper } = SocketKeeper.find(kept.meeting, () => {});
    assert.equal(sockets.length, 1);
    for (const fd of sockets) closeSync(fd);
    await keeper.end();
  });

  for (const [what, act] of [
    ['"survive" with a word', (keeper: SocketKeeper) => keeper.survive(Number.NaN)],
    ['"drop" with a sign', (keeper: SocketKeeper) => keeper.drop(-1)],
  ] as const) {
    test(`${what} ends it`, async () => {
      await using kept = new Kept();
      act(kept.keeper);
      await within(kept.lost.promise, 'its end');
    });
  }
});
