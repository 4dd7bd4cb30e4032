/** DNS records in the form of PHP's dns_get_record() (https://www.php.net/dns_get_record). Pure. */

import { DnsFormatError, DnsReader, type DnsRecord, recordTypes } from './dns-message.ts';
import type { PhpValue } from './values.ts';

type Fields = readonly (readonly [name: string, value: PhpValue])[];

/** Fields of a record besides host, class, TTL and type; in PHP's order. */
const contents: Readonly<Record<string, (reader: DnsReader, length: number) => Fields>> = {
  A: (reader) => [['ip', [...reader.bytes(4)].join('.')]],
  NS: (reader) => [['target', reader.name()]],
  CNAME: (reader) => [['target', reader.name()]],
  PTR: (reader) => [['target', reader.name()]],
  HINFO: (reader) => [
    ['cpu', reader.text()],
    ['os', reader.text()],
  ],
  MX: (reader) => [
    ['pri', reader.short()],
    ['target', reader.name()],
  ],
  TXT: (reader, length) => {
    const end = reader.at + length;
    const entries: string[] = [];
    while (reader.at < end) entries.push(reader.text());
    return [
      ['txt', entries.join('')],
      ['entries', entries.filter((entry) => entry !== '')],
    ];
  },
  SOA: (reader) => [
    ['mname', reader.name()],
    ['rname', reader.name()],
    ...(['serial', 'refresh', 'retry', 'expire', 'minimum-ttl'] as const).map(
      (name) => [name, reader.long()] as const,
    ),
  ],
  AAAA: (reader) => [['ipv6', ipv6Text(reader.bytes(16))]],
  SRV: (reader) => [
    ['pri', reader.short()],
    ['weight', reader.short()],
    ['port', reader.short()],
    ['target', reader.name()],
  ],
  NAPTR: (reader) => [
    ['order', reader.short()],
    ['pref', reader.short()],
    ['flags', reader.text()],
    ['services', reader.text()],
    ['regex', reader.text()],
    ['replacement', reader.name()],
  ],
  CAA: (reader, length) => {
    const end = reader.at + length;
    const flags = reader.byte();
    const tag = reader.text();
    return [
      ['flags', flags],
      ['tag', tag],
      ['value', reader.bytes(Math.max(0, end - reader.at)).toString('latin1')],
    ];
  },
};

/**
 * @param isRaw numeric type and raw data
 * @returns undefined for a record that PHP omits, or a broken one
 */
export function recordValue(record: DnsRecord, isRaw: boolean): PhpValue | undefined {
  const common: Fields = [
    ['host', record.name],
    ['class', 'IN'],
    ['ttl', record.ttl],
  ];
  if (isRaw) {
    return new Map<string, PhpValue>([
      ...common,
      ['type', record.type],
      ['data', record.data.toString('latin1')],
    ]);
  }
  const name = Object.entries(recordTypes).find(([, number]) => number === record.type)?.[0] ?? '';
  const content = contents[name];
  if (content === undefined) return undefined;
  try {
    const reader = new DnsReader(record.message, record.at);
    return new Map<string, PhpValue>([...common, ['type', name], ...content(reader, record.data.length)]);
  } catch (error) {
    if (error instanceof DnsFormatError) return undefined;
    throw error;
  }
}

/** PHP's form: hexadecimal, with the first run of zeros left out, even a single one. */
function ipv6Text(bytes: Buffer): string {
  let text = '';
  let hasGap = false;
  let isInGap = false;
  for (let at = 0; at < bytes.length; at += 2) {
    const group = bytes.readUInt16BE(at);
    if (group !== 0) {
      if (text !== '') text += ':';
      text += group.toString(16);
      isInGap = false;
    } else if (!hasGap) {
      text += ':';
      hasGap = true;
      isInGap = true;
    } else if (!isInGap) text += ':0';
  }
  return isInGap ? `${text}:` : text;
}
