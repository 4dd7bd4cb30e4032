/** A script that waits is not disturbed when its worker, or the whole host, is told to end after the request. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { suite, test } from 'node:test';
import { FakeMaster } from '../embedded/fake-master.ts';
import { poll } from '../harness/waiting.ts';
import { nativeBuild } from './built-engine.ts';

const { command, skip } = nativeBuild();

/** Waits that end early when a signal handler runs; each prints the rest of its wait, or that it was complete. */
const waits: Readonly<Record<string, string>> = {
  'sleep()': '$left = sleep(1);',
  'usleep()': 'usleep(700000); $left = 0;',
  'time_nanosleep()': '$left = time_nanosleep(0, 700000000) === true ? 0 : "early";',
  'stream_select()':
    '$pair = stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_STREAM, 0); $read = [$pair[0]]; $none = null; $left = @stream_select($read, $none, $none, 0, 700000);',
  'a read with a time-out':
    '$pair = stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_STREAM, 0); stream_set_timeout($pair[0], 0, 700000); fread($pair[0], 1); $left = stream_get_meta_data($pair[0])["timed_out"] ? 0 : "early";',
};

const orders: Readonly<Record<string, readonly string[]>> = {
  'end SLOT quit': ['end', '0', 'quit'],
  drain: ['drain'],
};

suite('a wait of a script', { skip, concurrency: 4 }, () => {
  for (const [what, order] of Object.entries(orders)) {
    for (const [name, code] of Object.entries(waits)) {
      test(`${name}, ${what}`, async () => {
        await using master = await FakeMaster.serving({ command, slots: 1 });
        master.folder.write(
          'wait.php',
          `<?php touch(__DIR__ . "/entered"); $from = hrtime(true); ${code} $took = (hrtime(true) - $from) / 1e6; echo $left === 0 && $took > 690 ? "whole" : "left: $left, took $took ms";`,
        );
        const ended = master.nextOf('ended');
        const answer = master.get('wait.php');
        await poll('the script to run', () => existsSync(master.folder.join('entered')) || undefined);
        master.send(order);
        assert.equal((await answer).body, 'whole');
        assert.deepEqual((await ended).end, { type: 'exit', code: 0 });
      });
    }
  }

  test('a worker that waits for connections ends at once, whatever it holds', async () => {
    for (const hold of ['nothing', 'a silent connection', 'a kept connection']) {
      await using master = await FakeMaster.serving({ command, slots: 1 });
      master.folder.write('hello.php', '<?php echo "hello";');
      using client = hold === 'nothing' ? undefined : await master.connect();
      if (hold === 'a kept connection') {
        const { body } = await client!.request({ params: master.params('hello.php'), keep: true });
        assert.equal(body, 'hello');
      }
      assert.deepEqual((await master.endWorker(0, 'quit')).end, { type: 'exit', code: 0 }, hold);
      // The slot is as new: its next worker is not told to end.
      await master.startWorker(0);
      assert.equal((await master.get('hello.php')).body, 'hello', hold);
    }
  });
});
