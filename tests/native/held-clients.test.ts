/** Clients that a worker has accepted and that have not sent their request yet, while it serves another one's. */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { suite, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { entered, installScripts, release } from '../contract/scripts.ts';
import { FakeMaster } from '../embedded/fake-master.ts';
import { encodeRequest, type PlainRequest } from '../engine/plain-fastcgi.ts';
import { TestFolder } from '../harness/folder.ts';
import { within } from '../harness/waiting.ts';
import { nativeBuild } from './built-engine.ts';
import { crashingScript } from './crashing-script.ts';

const { command, skip } = nativeBuild();

/** Boots, and includes the script that a request names. */
const application =
  '<?php while (hathi_handle_request(function () { include $_SERVER["DOCUMENT_ROOT"] . $_SERVER["REQUEST_URI"]; })) continue;';

class Pool implements AsyncDisposable {
  readonly master: FakeMaster;
  readonly #script: string | undefined;

  private constructor(master: FakeMaster, script: string | undefined) {
    this.master = master;
    this.#script = script;
  }

  /** A pool whose ended workers are replaced at once. */
  static async start(mode: string, slots: number, folder: TestFolder): Promise<Pool> {
    const script = mode === 'classic' ? undefined : folder.write('app.php', application);
    const settings = script === undefined ? [] : ([['worker.script', script]] as const);
    const master = await FakeMaster.serving({ command, slots, settings });
    installScripts(master);
    master.folder.write('fatal.php', '<?php echo "printed "; eval("function strlen() {}");');
    master.folder.write('memory.php', '<?php ini_set("memory_limit", "4M"); str_repeat("x", 1 << 26);');
    master.folder.write('exit.php', '<?php echo "bye"; exit;');
    master.folder.write('crash.php', crashingScript);
    master.onMessage = (message) => {
      if (message.type === 'ended') master.send(['worker', String(message.slot)]);
    };
    return new Pool(master, script);
  }

  request(name: string): PlainRequest {
    const script = this.#script === undefined ? {} : { SCRIPT_FILENAME: this.#script };
    return { params: this.master.params(name, script) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.master[Symbol.asyncDispose]();
  }
}

suite('clients that a worker holds', { skip }, () => {
  for (const mode of ['classic', 'worker']) {
    test(`${mode}: they are served, however the request of another one ends`, async () => {
      using folder = new TestFolder();
      await using pool = await Pool.start(mode, 1, folder);
      for (const name of ['fatal.php', 'memory.php', 'exit.php', 'crash.php']) {
        using silent = await pool.master.connect();
        using half = await pool.master.connect();
        half.socket.write(encodeRequest(pool.request('hello.php')).subarray(0, 50));
        // The worker accepts them meanwhile. Nothing tells of that.
        await delay(60);
        await pool.master.ask(pool.request(name));
        const answer = silent.request(pool.request('hello.php'));
        // What a worker has read of a request ends with it in a crash.
        if (name !== 'crash.php') {
          const other = half.response();
          half.socket.write(encodeRequest(pool.request('hello.php')).subarray(50));
          assert.equal((await within(other, `the half client beside ${name}`)).body, 'hello', name);
        }
        assert.equal((await within(answer, `the silent client beside ${name}`)).body, 'hello', name);
      }
    });

    test(`${mode}: none waits for the script of another while a worker is free`, async () => {
      using folder = new TestFolder();
      await using pool = await Pool.start(mode, 2, folder);
      const { master } = pool;
      // Both workers hold some; one of them gets a long request of one of those.
      const clients = await Promise.all(Array.from({ length: 6 }, () => master.connect()));
      await delay(60);
      for (let round = 0; round < 3; round += 1) {
        const [first, ...others] = clients.splice(0, 2);
        const running = first!.request(pool.request('gate.php'));
        await entered(master);
        const answers = others.map((client) => client.request(pool.request('hello.php')));
        for (const answer of answers)
          assert.equal((await within(answer, `round ${round}`, 3000)).body, 'hello');
        release(master);
        assert.equal((await running).body, 'released');
        for (const name of ['entered', 'release']) rmSync(master.folder.join(name));
      }
      for (const client of clients) client[Symbol.dispose]();
    });

    test(`${mode}: a worker that is killed takes none of them with it`, async () => {
      using folder = new TestFolder();
      await using pool = await Pool.start(mode, 1, folder);
      using silent = await pool.master.connect();
      await delay(60);
      const running = pool.master.ask(pool.request('gate.php'));
      await entered(pool.master);
      pool.master.send(['end', '0', 'kill']);
      await running.catch(() => undefined);
      const answer = await within(silent.request(pool.request('hello.php')), 'the answer');
      assert.equal(answer.body, 'hello');
    });
  }
});
