/** A large upload that PHP receives into a file and a script moves. */
import { rmSync } from 'node:fs';
import { poolText } from '../../tests/harness/pool.ts';
import { type Server, type ServerKind, startServer } from '../../tests/harness/server.ts';
import type { Figure } from '../lib/figure.ts';
import { hasPhpFpm } from '../lib/machine.ts';
import { MemoryWatch } from '../lib/memory.ts';
import { Pair } from '../lib/pair.ts';
import { requestBytes, timeOnce } from '../lib/requests.ts';
import { summarize } from '../lib/statistics.ts';
import { atMost, type Workload } from '../lib/workload.ts';

const mebibyte = 1024 * 1024;
const uploadBytes = 50 * mebibyte;

const limits = 'php_admin_value[upload_max_filesize] = 64M\nphp_admin_value[post_max_size] = 64M';

const receive = `<?php
$file = $_FILES['file'];
$moved = move_uploaded_file($file['tmp_name'], __DIR__ . '/../tmp/moved');
echo $file['size'], ' ', $moved ? 'moved' : 'refused';`;

/** multipart/form-data with one file, as a browser sends it (RFC 7578). */
function uploadForm(boundary: string): Buffer {
  const content = Buffer.alloc(uploadBytes);
  // Not all alike, and no boundary in it.
  for (let at = 0; at < content.length; at += 4) content.writeUInt32LE((at * 2654435761) % 2 ** 32, at);
  return Buffer.concat([
    Buffer.from(
      `--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="large.bin"\r\n` +
        'Content-Type: application/octet-stream\r\n\r\n',
    ),
    content,
    Buffer.from(`\r\n--${boundary}--\r\n`),
  ]);
}

/** Uploads in a row, after which a process that keeps something of each would show it. */
const inARow = 6;
/** Small requests before, so that code is compiled and buffers are there. */
const warmUp = 300;

/** MiB resident of the process that receives the uploads. */
interface Size {
  readonly before: number;
  readonly highest: number;
}

async function sizesOf(kind: ServerKind, boundary: string, body: Buffer): Promise<Size> {
  await using server = await startServer({ kind, pools: (folder) => poolText(folder, 'www', limits) });
  server.folder.write('www/receive.php', receive);
  const hello = server.folder.write('www/hello.php', '<?php echo "hello";');
  const small = requestBytes(hello, { keep: false });
  for (let i = 0; i < warmUp; i++) await timeOnce(server.socket(), small, 'hello');
  const receiver = server.workers()[0]?.pid;
  if (receiver === undefined) throw new Error(`${kind} has no process below it`);
  const request = uploadRequest(server, boundary, body);
  using watch = new MemoryWatch(receiver);
  for (let i = 0; i < inARow; i++) {
    await timeOnce(server.socket(), request, `${uploadBytes} moved`);
    rmSync(server.folder.join('tmp/moved'));
  }
  return { before: watch.baseline, highest: watch.baseline + watch.growth };
}

/** Figures of the memory that uploads in a row take; their content is not to stay anywhere. */
async function memoryFigures(boundary: string, body: Buffer, rounds: number): Promise<Figure[]> {
  const sizes: Record<ServerKind, Size[]> = { hathi: [], 'php-fpm': [] };
  for (let round = 0; round < rounds; round++) {
    sizes.hathi.push(await sizesOf('hathi', boundary, body));
    if (hasPhpFpm()) sizes['php-fpm'].push(await sizesOf('php-fpm', boundary, body));
  }
  const figure = (label: string, pick: (size: Size) => number): Figure => ({
    label,
    unit: 'MiB',
    hathi: summarize(sizes.hathi.map(pick)),
    ...(hasPhpFpm() ? { phpFpm: summarize(sizes['php-fpm'].map(pick)) } : {}),
  });
  return [
    figure('size of the process before', ({ before }) => before),
    figure(`highest in ${inARow} uploads`, ({ highest }) => highest),
  ];
}

export const upload: Workload = {
  name: 'upload',
  title: 'Upload of 50 MB',
  async measure(plan) {
    await using pair = await Pair.start(
      (folder) => poolText(folder, 'www', limits),
      (folder) => folder.write('www/receive.php', receive),
    );
    const boundary = '----hathi-bench';
    const body = uploadForm(boundary);
    const requests = new Map(pair.servers.map((server) => [server, uploadRequest(server, boundary, body)]));
    const result = await pair.compare(atMost(5, plan), async (server) => {
      const request = requests.get(server)!;
      const time = await timeOnce(server.socket(), request, `${uploadBytes} moved`);
      rmSync(server.folder.join('tmp/moved'));
      return { time };
    });
    return [
      {
        label: 'received and moved',
        unit: 'ms',
        ...result.time,
        target: { of: 'hathi', limit: 'at most', value: 300 },
      },
      ...(await memoryFigures(boundary, body, atMost(3, plan))),
    ];
  },
};

function uploadRequest(server: Server, boundary: string, body: Buffer): Buffer {
  const params = { CONTENT_TYPE: `multipart/form-data; boundary=${boundary}` };
  return requestBytes(server.folder.join('www/receive.php'), { params, body, keep: false });
}
