/** Asks a new generation for an answer before it takes over: one request over a connection of the master's own. */

import { CgiResponseParser } from '../fastcgi/cgi-response.ts';
import { ClientConnection } from '../fastcgi/client-connection.ts';
import { FastCgiError } from '../fastcgi/errors.ts';
import { judgeProbe, probeParams, type ReloadProbe } from '../pool/reload-probe.ts';
import { binaryOf } from '../text/binary.ts';
import type { HostProcess } from './host-process.ts';

/** Bytes of the body in which the text is looked for. */
const longestBody = 64 * 1024;

/**
 * Sends the probe.
 *
 * @param gone ends it early
 * @returns why the generation must not take over, for the log; undefined where it may
 */
export async function sendProbe(
  probe: ReloadProbe,
  host: HostProcess,
  gone: AbortSignal,
): Promise<string | undefined> {
  const late = AbortSignal.timeout(probe.limitMs);
  const parser = new CgiResponseParser();
  let status: number | undefined;
  let body = '';
  const onStdout = (chunk: Uint8Array): void => {
    const { head, body: more } = parser.push(chunk);
    status ??= head?.status;
    body += binaryOf(more.subarray(0, longestBody - body.length));
  };
  try {
    const connection = ClientConnection.over(host.connect());
    const signal = AbortSignal.any([gone, late]);
    await connection.run({ params: probeParams(probe), onStdout, signal });
    parser.finish();
    return judgeProbe(probe, { status: status ?? 0, body });
  } catch (error) {
    if (late.aborted) return `no answer came within ${probe.limitMs / 1000} seconds`;
    if (error instanceof FastCgiError) return error.message;
    return `it could not be asked: ${(error as Error).message}`;
  }
}
