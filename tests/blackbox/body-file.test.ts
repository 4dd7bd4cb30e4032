/** REQUEST_BODY_FILE names something that is no file: nobody waits for it, and its worker is free for the next request. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { testEngines } from '../harness/engines.ts';
import { request, scriptParams } from '../harness/fastcgi.ts';
import { poolText } from '../harness/pool.ts';
import { serverKind, startServer } from '../harness/server.ts';

/** The reference reads on without end. */
const skip = serverKind === 'php-fpm' && 'the reference waits';

testEngines('a device or a pipe as REQUEST_BODY_FILE is an empty body', { skip }, async (engine) => {
  await using server = await startServer({ engine, pools: (folder) => poolText(folder) });
  const { folder } = server;
  const script = folder.write(
    'www/body.php',
    '<?php echo json_encode([$_POST, file_get_contents("php://input"), error_get_last()["message"] ?? ""]);',
  );
  const idle = folder.write('www/idle.php', '<?php echo "idle";');
  const pipe = folder.join('www/pipe');
  execFileSync('mkfifo', ['-m', '0666', pipe]);
  const type = { REQUEST_METHOD: 'POST', CONTENT_TYPE: 'application/x-www-form-urlencoded' };
  for (const path of ['/dev/zero', '/dev/urandom', pipe]) {
    for (const length of ['5', '8000000', '99999999999999']) {
      const asked = { ...type, REQUEST_BODY_FILE: path, CONTENT_LENGTH: length };
      const { body } = await request(server.socket(), scriptParams(script, asked));
      const what = `${path}, ${length}: ${body}`;
      // PHP looks into a body up to post_max_size only, and asks for the rest when the script has ended.
      if (length === '5') assert.match(what, /\[\[\],"","REQUEST_BODY_FILE: '.*' is no regular file"\]$/s);
      const next = await request(server.socket(), scriptParams(idle));
      assert.equal(next.body.toString(), 'idle', what);
    }
  }
  // Nobody asks for the body before the end of the request, when PHP has no place for a warning any more.
  for (const path of ['/dev/zero', pipe, '/nonexistent']) {
    const asked = { REQUEST_BODY_FILE: path, CONTENT_LENGTH: '9'.repeat(20) };
    const { body } = await request(server.socket(), scriptParams(idle, asked));
    assert.equal(body.toString(), 'idle', path);
  }
  const file = folder.write('www/form', 'a=1&b');
  const asked = { ...type, REQUEST_BODY_FILE: file, CONTENT_LENGTH: '5' };
  const { body } = await request(server.socket(), scriptParams(script, asked));
  assert.equal(body.toString(), '[{"a":"1","b":""},"a=1&b",""]');
  await server.stop();
});
