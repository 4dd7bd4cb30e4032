/** Child processes of scripts, and the pipes to them. */
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { TestFolder } from '../harness/folder.ts';
import { PhpThread, type Response } from './php-thread.ts';

const pipes = '[["pipe", "r"], ["pipe", "w"], ["pipe", "w"]]';

suite('A child process of a script', () => {
  let php: PhpThread;
  const folder = new TestFolder();
  before(async () => {
    php = await PhpThread.start({ mainIni: 'display_errors=0\nlog_errors=1\nhtml_errors=0\n' });
  });
  after(async () => {
    await php.stop();
    folder[Symbol.dispose]();
  });

  const run = (code: string): Promise<Response> => php.run(folder.write('script.php', `<?php ${code}`));
  const text = async (code: string): Promise<string> => {
    const { outcome, body, log } = await run(code);
    assert.deepEqual([outcome, log], ['ok', ''], body);
    return body;
  };

  for (const [what, argument, signal] of [
    ['by default', '', 15],
    ['by SIGKILL', ', 9', 9],
    ['by SIGHUP', ', 1', 1],
  ] as const) {
    test(`is ended by proc_terminate() ${what}, and its end is told as on Linux`, async () => {
      const body = await text(`$process = proc_open("exec sleep 300", ${pipes}, $ends);
        $ended = proc_terminate($process${argument});
        while (($status = proc_get_status($process))["running"]);
        echo json_encode([$ended, $status["signaled"], $status["termsig"], $status["stopped"], $status["exitcode"], proc_close($process)]);`);
      assert.deepEqual(JSON.parse(body).slice(0, 5), [true, true, signal, false, -1]);
    });
  }

  test('that proc_close() waits for may have been told to end before', async () => {
    assert.equal(
      await text(`$process = proc_open("exec sleep 300", ${pipes}, $ends);
        echo json_encode([proc_terminate($process, 0), proc_terminate($process, 9999), proc_terminate($process), proc_close($process)]);`),
      '[true,false,true,15]',
    );
  });

  test('is not a process of somebody else', async () => {
    const { outcome, log } = await run(`proc_terminate(fopen("php://memory", "r"));`);
    assert.equal(outcome, 'bailout');
    assert.match(log, /supplied resource is not a valid process resource/);
  });

  test('that goes on when the script ends holds nobody up', async () => {
    const body = await text(
      `$process = proc_open("exec sleep 300", ${pipes}, $ends); echo proc_get_status($process)["pid"];`,
    );
    assert.equal(await text('echo "next";'), 'next');
    process.kill(Number(body), 'SIGKILL');
  });

  test('has descriptors above 2: pipes in both directions, and files', async () => {
    const file = folder.join('seventh');
    assert.equal(
      await text(`$process = proc_open("echo to-3 >&3; cat <&4; echo to-7 >&7; echo to-1", ${pipes} +
          [3 => ["pipe", "w"], 4 => ["pipe", "r"], 7 => ["file", ${JSON.stringify(file)}, "w"]], $ends);
        fwrite($ends[4], "by 4\\n"); fclose($ends[4]);
        echo stream_get_contents($ends[3]), stream_get_contents($ends[1]), proc_close($process), file_get_contents(${JSON.stringify(file)});`),
      'to-3\nby 4\nto-1\n0to-7\n',
    );
  });

  test('writes on where a file of the script is', async () => {
    assert.equal(
      await text(`$file = fopen(${JSON.stringify(folder.join('log'))}, "w+"); fwrite($file, "head ");
        $process = proc_open("echo tail", [1 => $file], $ends); proc_close($process);
        rewind($file); echo stream_get_contents($file);`),
      'head tail\n',
    );
  });

  test('has the standard streams of the worker where the script gives it none', async () => {
    const { output } = await run('proc_close(proc_open("cat; echo out; echo error >&2", [], $ends));');
    assert.deepEqual(output.split('\n').sort(), ['', 'error', 'out']);
  });

  for (const [what, command, code] of [
    ['a program', '["printf", "%s|", "a b", "it\'s", "é"]', "a b|it's|é|0"],
    ['a shell', '"printf \'%s|\' é; exit 3"', 'é|3'],
    ['nothing that there is', '["no-such-program", "x"]', '127'],
  ] as const) {
    test(`is ${what}`, async () => {
      const body = await text(
        `$process = proc_open(${command}, ${pipes}, $ends); echo stream_get_contents($ends[1]), proc_close($process);`,
      );
      assert.equal(Buffer.from(body, 'latin1').toString(), code);
    });
  }

  test('that reads slowly holds up the script that writes, and gets everything', async () => {
    assert.equal(
      await text(`$process = proc_open("sleep 0.2; cat | wc -c", ${pipes}, $ends);
        for ($i = 0; $i < 20; $i++) $sent = ($sent ?? 0) + fwrite($ends[0], str_repeat("x", 100000));
        fclose($ends[0]); echo $sent, " ", stream_get_contents($ends[1]), proc_close($process);`),
      '2000000 2000000\n0',
    );
  });

  test('that does not read any more makes writing fail', async () => {
    assert.equal(
      await text(`$process = proc_open("exit 0", ${pipes}, $ends); stream_get_contents($ends[1]);
        while (proc_get_status($process)["running"]);
        do { $sent = @fwrite($ends[0], str_repeat("x", 100000)); } while ($sent > 0);
        var_dump($sent);`),
      'bool(false)\n',
    );
  });

  test('that is read without blocking comes on, however often it is asked', async () => {
    assert.equal(
      await text(`$process = proc_open("sleep 0.1; echo late", ${pipes}, $ends); stream_set_blocking($ends[1], false);
        for ($text = "", $asked = 0; !feof($ends[1]); $asked++) $text .= fread($ends[1], 100);
        echo $text, $asked > 1 ? "asked" : "";`),
      'late\nasked',
    );
  });

  suite('in stream_select()', () => {
    const select = (command: string, sets: string): string =>
      `$process = proc_open(${JSON.stringify(command)}, ${pipes}, $ends); $read = $write = $except = null; ${sets}
       $start = microtime(true); $count = stream_select($read, $write, $except, 20);
       $isQuick = microtime(true) - $start < 10; proc_terminate($process, 9);`;

    for (const [what, command, sets, tell, answer] of [
      [
        'the end of a pipe is readable',
        'exit 0',
        '$read = [$ends[1]];',
        'fread($ends[1], 9), feof($ends[1])',
        [1, true, '', true],
      ],
      [
        'one ready pipe of two is enough',
        'echo x; exec sleep 300',
        '$read = [$ends[2], $ends[1]];',
        'array_keys($read)',
        [1, true, [1]],
      ],
      [
        'a pipe that becomes ready wakes',
        'sleep 0.1; echo x >&2; exec sleep 300',
        '$read = [$ends[1], $ends[2]];',
        'array_keys($read)',
        [1, true, [1]],
      ],
      [
        'a pipe with room is writable',
        'exec sleep 300',
        '$read = [$ends[1]]; $write = [$ends[0]];',
        'array_keys($read), array_keys($write)',
        [1, true, [], [0]],
      ],
    ] as const) {
      test(what, async () => {
        const body = await text(`${select(command, sets)} echo json_encode([$count, $isQuick, ${tell}]);`);
        assert.deepEqual(JSON.parse(body), answer);
      });
    }

    test('an end that nobody reads does not hide what comes from another pipe', async () => {
      assert.equal(
        await text(`$process = proc_open("exec 2>&-; sleep 0.1; echo late", ${pipes}, $ends); $write = $except = null;
          do { $read = [$ends[1], $ends[2]]; stream_select($read, $write, $except, 20); } while (($read[0] ?? null) !== $ends[1]);
          echo fgets($ends[1]);`),
        'late\n',
      );
    });

    test('nothing ready is 0 when the time is up', async () => {
      assert.equal(
        await text(`$process = proc_open("exec sleep 300", ${pipes}, $ends); $write = $except = null;
          foreach ([0, 100000] as $micros) {
            $read = [$ends[1], $ends[2]]; echo stream_select($read, $write, $except, 0, $micros), count($read);
          }
          proc_terminate($process, 9);`),
        '0000',
      );
    });
  });
});
