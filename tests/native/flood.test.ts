/** A worker whose native code floods the log, as machine code in a worker could: by FFI, on its socket to the host. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { request, scriptParams } from '../harness/fastcgi.ts';
import { poolText } from '../harness/pool.ts';
import { startServer } from '../harness/server.ts';
import { poll } from '../harness/waiting.ts';
import { nativeBuild } from './built-engine.ts';

const ffi = '/usr/lib/php/20220829/ffi.so';
const skip = nativeBuild().skip || (!existsSync(ffi) && 'needs the extension ffi');

const count = 3000;
/** struct hathi_control: type, sequence, status (the level, 4 is alert), length, text; control.h. */
const flood = `<?php
$libc = FFI::cdef('long send(int fd, const char *bytes, size_t length, int flags);
  int getsockopt(int fd, int level, int name, int *value, unsigned *length);');
$message = substr(pack('VVVV', ord('G'), 0, 4, 2048) . str_repeat("\\x1b[31m forged ", 170), 0, 2064);
$type = $libc->new('int');
$length = $libc->new('unsigned');
$sent = 0;
// The socket to the host is newer than the pool's queue, which is of that type too.
for ($fd = 31; $fd > 2 && $sent === 0; $fd--) {
  $length->cdata = 4;
  // SO_TYPE is SOCK_SEQPACKET.
  if ($libc->getsockopt($fd, 1, 3, FFI::addr($type), FFI::addr($length)) !== 0 || $type->cdata !== 5) continue;
  while ($sent < ${count} && $libc->send($fd, $message, 2064, 0x4000) === 2064) $sent++;
}
echo $sent;`;

test('alerts without end: one pool’s, bounded, counted, and nobody else waits', { skip }, async () => {
  await using server = await startServer({
    engine: 'native',
    expected: [/ALERT: \[pool www\]/, /Module "FFI" is already loaded/],
    pools: (folder) =>
      poolText(folder, 'www', `php_admin_value[extension] = ${ffi}\nphp_admin_value[ffi.enable] = 1`) +
      poolText(folder, 'other'),
  });
  const script = server.folder.write('www/flood.php', flood);
  const hello = server.folder.write('www/hello.php', '<?php echo "hello";');
  const flooded = request(server.socket(), scriptParams(script));
  assert.equal((await request(server.socket('other'), scriptParams(hello))).body.toString(), 'hello');
  assert.equal((await flooded).body.toString(), String(count));
  const told = /ALERT: \[pool www\] (\d+) lines of this pool were dropped in the last second/;
  const forged = /ALERT: \[pool www\] \\x1b\[31m forged/;
  await poll('every line in the log or in the count', () => {
    const dropped = server.log.lines.reduce((sum, line) => sum + Number(told.exec(line)?.[1] ?? 0), 0);
    return dropped + server.log.count(forged) === count || undefined;
  });
  assert.ok(server.log.count(told) > 0);
  const lines = server.log.lines.filter((line) => forged.test(line));
  assert.ok(lines.every((line) => Buffer.byteLength(line) < 1024 && !line.includes('\x1b')));
  await server.stop();
});
