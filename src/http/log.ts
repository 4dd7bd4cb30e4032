/** One line a request, for a terminal. */

import { asBinary, type BinaryString } from '../text/binary.ts';
import { logText } from '../text/log-line.ts';
import { terminalText } from '../text/terminal.ts';

/** Facts about a finished response. */
export interface RequestRecord {
  readonly time: Date;
  readonly method: string;
  readonly uri: string;
  readonly status: number;
  /** Milliseconds from the request's header to the end of the response. */
  readonly duration: number;
  /** Bytes of the response body that were sent. */
  readonly bytes: number;
  /** Extra text: the reason for a refusal, `client left`, PHP's memory use. */
  readonly details: readonly string[];
  /** REQUEST_ID, when PHP handled the request. */
  readonly id?: string;
}

const maxUri = 200;
const reset = '\x1b[0m';
const dim = '\x1b[2m';

/** Renders a record; with `color`, the colour of the status tells its class. Without a final newline. */
export function renderRequest(record: RequestRecord, color = false): string {
  const clock = [record.time.getHours(), record.time.getMinutes(), record.time.getSeconds()]
    .map((n) => String(n).padStart(2, '0'))
    .join(':');
  const status = color ? `${statusColor(record.status)}${record.status}${reset}` : String(record.status);
  const facts = [formatDuration(record.duration), formatBytes(record.bytes), ...record.details].map((text) =>
    shown(asBinary(text)),
  );
  const tail = facts.join(' · ');
  return [
    color ? `${dim}${clock}${reset}` : clock,
    status,
    shown(asBinary(record.method)).padEnd(4),
    shown(asBinary(record.uri.length > maxUri ? `${record.uri.slice(0, maxUri)}...` : record.uri)),
    color ? `${dim}${tail}${reset}` : tail,
  ].join('  ');
}

/** A duration: `0.8 ms`, `34 ms`, `2.50 s`. */
export function formatDuration(ms: number): string {
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(2)} s`;
}

/** A size in powers of 1024: `512 B`, `1.5 KB`, `20 MB`. */
export function formatBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  let value = bytes;
  let unit = 'B';
  for (const next of ['KB', 'MB', 'GB', 'TB']) {
    if (value < 1024) break;
    value /= 1024;
    unit = next;
  }
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${unit}`;
}

/** Text chosen by the client, from a binary string. */
function shown(binary: BinaryString): string {
  return terminalText(logText(binary));
}

function statusColor(status: number): string {
  if (status >= 500) return '\x1b[31m';
  if (status >= 400) return '\x1b[33m';
  return status >= 300 ? '\x1b[36m' : '\x1b[32m';
}
