/** Requests to the admin endpoint of a master under test. */
import { type IncomingHttpHeaders, type RequestOptions, request } from 'node:http';
import { within } from '../harness/waiting.ts';

export interface AdminReply {
  readonly status: number;
  readonly type: string;
  readonly body: string;
  readonly headers: IncomingHttpHeaders;
}

/** One request on a Unix socket or, with `port`, over TCP. */
export function askAdmin(options: RequestOptions, body = ''): Promise<AdminReply> {
  const { promise, resolve, reject } = Promise.withResolvers<AdminReply>();
  const asked = request({ agent: false, ...options }, (response) => {
    const chunks: Buffer[] = [];
    response.on('data', (chunk: Buffer) => chunks.push(chunk));
    response.on('error', reject);
    response.on('end', () => {
      const { headers, statusCode = 0 } = response;
      const type = String(headers['content-type']);
      resolve({ status: statusCode, type, body: Buffer.concat(chunks).toString('utf8'), headers });
    });
  });
  asked.on('error', reject);
  asked.end(body);
  return within(promise, `an answer to ${options.method ?? 'GET'} ${options.path}`, 5000);
}
