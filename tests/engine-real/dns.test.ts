/** DNS of scripts: what the embedded PHP answers, against Debian's php-fpm with the same name server. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { requires } from '../harness/debian.ts';
import { poolText } from '../harness/pool.ts';
import { type Server, type ServerKind, startServer } from '../harness/server.ts';
import {
  DnsServer,
  encodeName,
  encodeShorts,
  encodeTexts,
  type Zone,
  type ZoneRecord,
} from './dns-server.ts';
import { text } from './scripts.ts';

const longs = (...values: number[]): Buffer => {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [index, value] of values.entries()) bytes.writeUInt32BE(value, index * 4);
  return bytes;
};
const ipv4 = (...bytes: number[]): ZoneRecord => ({ type: 1, data: Buffer.from(bytes) });
const ipv6 = (...groups: number[]): ZoneRecord => ({ type: 28, data: encodeShorts(...groups) });
const named = (type: number, name: string): ZoneRecord => ({ type, data: encodeName(name) });
const mail = (priority: number, name: string): ZoneRecord => ({
  type: 15,
  data: Buffer.concat([encodeShorts(priority), encodeName(name)]),
});

const records: readonly ZoneRecord[] = [
  ipv4(192, 0, 2, 1),
  { ...ipv4(192, 0, 2, 255), ttl: 4_000_000_000 },
  named(2, 'ns.zone.test'),
  {
    type: 6,
    data: Buffer.concat([
      encodeName('ns.zone.test'),
      encodeName('root.zone.test'),
      longs(2026, 2, 3, 4, 4_294_967_295),
    ]),
  },
  { type: 13, data: encodeTexts('cpu', 'os') },
  mail(10, 'mail.zone.test'),
  mail(65_535, ''),
  { type: 16, data: encodeTexts('one', '', 'tw\0o\xff') },
  ipv6(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1),
  ipv6(0, 0, 0, 0, 0, 0, 0, 1),
  ipv6(1, 0, 2, 0, 0, 0, 0, 0),
  ipv6(0, 0, 0, 0, 0, 0, 0, 0),
  { type: 33, data: Buffer.concat([encodeShorts(1, 2, 443), encodeName('web.zone.test')]) },
  {
    type: 35,
    data: Buffer.concat([
      encodeShorts(1, 2),
      encodeTexts('s', 'sip', '!^.*$!x!'),
      encodeName('sip.zone.test'),
    ]),
  },
  { type: 257, data: Buffer.concat([Buffer.from([128]), encodeTexts('issue'), Buffer.from('ca.test; x=1')]) },
  { type: 99, data: Buffer.from('unknown') },
];

const zone: Zone = {
  'all.zone.test': {
    records,
    authorities: [{ ...named(2, 'ns.zone.test'), name: 'zone.test' }],
    additional: [{ ...ipv4(192, 0, 2, 53), name: 'ns.zone.test' }],
  },
  'alias.zone.test': { records: [named(5, 'all.zone.test')] },
  'large.zone.test': { records: [ipv4(192, 0, 2, 2)], isLarge: true },
  'empty.zone.test': { records: [] },
  'failing.zone.test': { records: [], code: 2 },
  'refused.zone.test': { records: [], code: 5 },
  '1.2.0.192.in-addr.arpa': { records: [named(12, 'all.zone.test')] },
};

const types = [
  'A',
  'NS',
  'CNAME',
  'SOA',
  'PTR',
  'HINFO',
  'MX',
  'TXT',
  'AAAA',
  'SRV',
  'NAPTR',
  'CAA',
  'ANY',
  'ALL',
];

const cases: Readonly<Record<string, string>> = {
  'every type': types.map((type) => `$r[] = dns_get_record('all.zone.test', DNS_${type});`).join(''),
  'types together, additional records': `$r[] = dns_get_record('all.zone.test', DNS_A | DNS_MX, $authorities, $additional); array_push($r, $authorities, $additional);
    $r[] = dns_get_record('none.zone.test', DNS_A, $authorities, $additional); array_push($r, $authorities, $additional);
    $r[] = dns_get_record('all.zone.test', DNS_ANY, $authorities, $additional); array_push($r, count($authorities), count($additional));`,
  'raw records': `$r[] = dns_get_record('all.zone.test', 99, $authorities, $additional, true); $r[] = dns_get_record('all.zone.test', 16, $authorities, $additional, true);`,
  'names that are not there': `foreach (['none.zone.test', 'empty.zone.test', 'all', 'all.zone.test.', 'ALL.zone.TEST', '1.2.0.192.in-addr.arpa', 'alias.zone.test', 'large.zone.test', 'none'] as $name)
    array_push($r, dns_get_record($name, DNS_A), dns_get_record($name, DNS_PTR), checkdnsrr($name, 'A'), checkdnsrr($name));`,
  'servers that fail': `foreach (['failing.zone.test', 'refused.zone.test'] as $name) array_push($r, @dns_get_record($name, DNS_A), error_get_last()['message'] ?? null, checkdnsrr($name));`,
  'mail servers': `$r[] = getmxrr('all.zone.test', $hosts, $weights); array_push($r, $hosts, $weights, dns_get_mx('empty.zone.test', $hosts), $hosts, getmxrr('none.zone.test', $hosts, $weights), $weights);`,
  'checkdnsrr() and its types': `foreach (['A', 'mx', 'NS', 'PTR', 'ANY', 'SOA', 'CAA', 'CNAME', 'AAAA', 'SRV', 'NAPTR', 'TXT'] as $type) $r[] = dns_check_record('all.zone.test', $type);`,
  'wrong arguments': `foreach ([fn() => dns_get_record('x', 1 << 30), fn() => dns_get_record('x', -1), fn() => dns_get_record('x', 0, $a, $b, true), fn() => checkdnsrr('x', 'NOPE'), fn() => checkdnsrr('x', 'HINFO'),
      fn() => dns_get_record([]), fn() => checkdnsrr(), fn() => getmxrr('x')] as $wrong)
    try { $r[] = $wrong(); } catch (Error $e) { $r[] = get_class($e) . preg_replace('/\\$\\w+/', '', $e->getMessage()); }`,
  'names that cannot be': `foreach ([str_repeat('x', 64) . '.test', 'a..b', str_repeat('a.', 200) . 'b'] as $name) array_push($r, @dns_get_record($name, DNS_A), @checkdnsrr($name, 'A'));`,
};

describe('DNS as with php-fpm', { skip: requires('root', 'php-fpm') }, () => {
  const servers = {} as Record<ServerKind, Server>;
  let dns: DnsServer;

  before(async () => {
    dns = await DnsServer.start('127.0.0.153', zone);
    const start = async (kind: ServerKind): Promise<void> => {
      servers[kind] = await startServer({ engine: 'embedded', kind, pools: poolText, through: dns.through });
    };
    await Promise.all([start('hathi'), start('php-fpm')]);
  });
  after(async () => {
    for (const server of Object.values(servers)) {
      await server.stop();
      await server[Symbol.asyncDispose]();
    }
    await dns?.[Symbol.asyncDispose]();
  });

  for (const [name, code] of Object.entries(cases)) {
    test(name, async () => {
      const ask = (kind: ServerKind): Promise<string> =>
        text(servers[kind], `ini_set('html_errors', 0); $r = []; ${code} echo var_export($r, true);`);
      assert.deepEqual(await ask('hathi'), await ask('php-fpm'));
    });
  }
});
