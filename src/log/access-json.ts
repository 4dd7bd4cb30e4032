/**
 * The access log with `access.log_format = json`: one object a request. The native engine's version is in
 * access_json.c.
 */

import { asBinary, type BinaryString, decodeBinary } from '../text/binary.ts';
import { jsonDocument } from '../text/json.ts';
import type { AccessFormat, AccessValues } from './access-format.ts';
import { isoTime } from './iso-time.ts';

export interface AccessField {
  readonly name: string;
  readonly type: 'string' | 'number';
  readonly about: string;
  readonly value: (values: AccessValues) => BinaryString | number;
}

/** Maximum bytes of a text; a longer one is cut and ends in `...`. */
const textMost = 1024;

/** The only list of the fields, in order; documentation and tests of both engines derive from it. */
export const accessFields: readonly AccessField[] = [
  field('time', 'time of writing, ISO 8601, UTC', (v) => asBinary(isoTime(v.loggedAt * 1e6))),
  field('pool', '', (v) => v.pool),
  count('pid', 'the worker', (v) => v.pid),
  field('request_id', 'see below', (v) => v.requestId),
  field('remote_address', 'address of the web server; empty for a Unix socket', (v) => v.remoteAddress),
  field('user', 'of HTTP authentication', (v) => v.user),
  field('method', '', (v) => v.method),
  field('uri', 'requested path (REQUEST_URI), without query', (v) => v.path),
  field('query', 'only with `access.log_query`: it may hold secrets', (v) => v.query),
  field('script', 'path of the script', (v) => v.script),
  field('served_by', '`worker` (the booted application, worker mode) or `classic`', (v) =>
    asBinary(v.servedBy),
  ),
  count('status', 'status of the answer', (v) => v.status),
  count('duration_micros', 'from accept to the end of the script', (v) => v.duration),
  count('cpu_user_micros', 'CPU time of the request', (v) => v.cpuUser),
  count(
    'cpu_system_micros',
    'the same for the kernel; 0 with the embedded engine, which reports only the sum',
    (v) => v.cpuSystem,
  ),
  count('memory_bytes', "PHP's peak", (v) => v.memoryPeak),
  count('content_length', 'bytes of the request body', (v) => v.contentLength),
];

function field(name: string, about: string, value: (values: AccessValues) => BinaryString): AccessField {
  return { name, type: 'string', about, value };
}

function count(name: string, about: string, value: (values: AccessValues) => number): AccessField {
  return { name, type: 'number', about, value: (values) => Math.trunc(value(values)) };
}

/** @param withQuery `access.log_query` */
export function jsonAccessFormat(withQuery: boolean): AccessFormat {
  const fields = accessFields.filter(({ name }) => withQuery || name !== 'query');
  return {
    ok: true,
    usesRequestId: true,
    render: (values) =>
      Buffer.from(
        jsonDocument(Object.fromEntries(fields.map(({ name, value }) => [name, shown(value(values))]))),
      ),
  };
}

/** Decodes binary strings to text. */
function shown(value: BinaryString | number): string | number {
  if (typeof value === 'number') return value;
  const text = decodeBinary(asBinary(value.slice(0, textMost)));
  return value.length > textMost ? `${text}...` : text;
}

/** The fields as a Markdown table. */
export function accessFieldsMarkdown(): string {
  const rows = accessFields.map(({ name, type, about }) => `| \`${name}\` | ${type} | ${about} |\n`);
  return `\n| field | type | meaning |\n|---|---|---|\n${rows.join('')}\n`;
}
