/** A large upload that PHP receives into a file and a script moves. */
import { rmSync } from 'node:fs';
import { poolText } from '../../tests/harness/pool.ts';
import type { Server } from '../../tests/harness/server.ts';
import { Pair } from '../lib/pair.ts';
import { requestBytes, timeOnce } from '../lib/requests.ts';
import { atMost, type Workload } from '../lib/workload.ts';

const mebibyte = 1024 * 1024;
export const uploadBytes = 50 * mebibyte;

/** Lines of its pool. */
export const limits = 'php_admin_value[upload_max_filesize] = 64M\nphp_admin_value[post_max_size] = 64M';

/** The script that takes it. */
export const receive = `<?php
$file = $_FILES['file'];
$moved = move_uploaded_file($file['tmp_name'], __DIR__ . '/../tmp/moved');
echo $file['size'], ' ', $moved ? 'moved' : 'refused';`;

/** multipart/form-data with one file, as a browser sends it (RFC 7578). */
export function uploadForm(boundary: string): Buffer {
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
    ];
  },
};

/** The whole request for `receive.php`. */
export function uploadRequest(server: Server, boundary: string, body: Buffer): Buffer {
  const params = { CONTENT_TYPE: `multipart/form-data; boundary=${boundary}` };
  return requestBytes(server.folder.join('www/receive.php'), { params, body, keep: false });
}
