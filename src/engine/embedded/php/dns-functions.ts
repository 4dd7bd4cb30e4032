/** dns_get_record(), checkdnsrr(), getmxrr() and their aliases: the package's own always fail. */

import type { PhpCalls } from './calls.ts';
import { type DnsFailure, dnsFailures, lookUpRecords } from './dns-client.ts';
import { type DnsAnswer, type DnsRecord, recordTypes } from './dns-message.ts';
import { recordValue } from './dns-records.ts';
import type { Engine } from './engine.ts';
import { zval } from './layout.ts';
import { type AsyncPhpFunction, ModuleFunctions } from './module-functions.ts';
import { kindOf, type PhpValue, replaceValue, writeValue } from './values.ts';

/** PHP's numbers of the types that can be combined, in query order. */
const masks = {
  A: 0x1,
  NS: 0x2,
  CNAME: 0x10,
  SOA: 0x20,
  PTR: 0x800,
  HINFO: 0x1000,
  MX: 0x4000,
  TXT: 0x8000,
  AAAA: 0x8000000,
  SRV: 0x2000000,
  NAPTR: 0x4000000,
  A6: 0x1000000,
  CAA: 0x2000,
} as const satisfies Partial<Record<keyof typeof recordTypes, number>>;
const anyType = 0x10000000;
const allTypes = Object.values(masks).reduce((all, mask) => all | mask, 0);
/** Types unknown to checkdnsrr(). */
const unchecked: readonly string[] = ['HINFO'];
const largestType = 0xffff;

/** Warnings by failure; undefined when the name merely has no records. */
const warnings: Readonly<Record<DnsFailure, string | undefined>> = {
  [dnsFailures.hostNotFound]: undefined,
  [dnsFailures.noData]: undefined,
  [dnsFailures.noRecovery]: 'An unexpected server failure occurred.',
  [dnsFailures.tryAgain]: 'A temporary server error occurred.',
};

/** `IS_REFERENCE`; the value of a `zend_reference` comes after its counter. */
const reference = { kind: 10, value: 8 } as const;

export function installDns(engine: Engine, version: string, calls: PhpCalls): void {
  const functions = new ModuleFunctions(engine, version, 'dns_polyfill_module_entry');
  functions.replaceAsync('dns_get_record', () => getRecord(engine, calls));
  for (const name of ['checkdnsrr', 'dns_check_record'])
    functions.replaceAsync(name, () => check(engine, version, calls));
  for (const name of ['getmxrr', 'dns_get_mx'])
    functions.replaceAsync(name, () => getMailServers(engine, calls));
}

/** Types to query, one after the other. With additional records they are queried again. */
function typesToAsk(
  type: number,
  isRaw: boolean,
  withAdditional: boolean,
): { type: number; isStored: boolean }[] {
  const everything = { type: recordTypes.ANY, isStored: false };
  if (type === anyType && !isRaw) return [{ ...everything, isStored: true }];
  const wanted = Object.entries(masks).filter(([, mask]) => (type & mask) !== 0);
  const numbers = isRaw ? [type] : wanted.map(([name]) => recordTypes[name as keyof typeof masks]);
  return [
    ...numbers.map((number) => ({ type: number, isStored: true })),
    ...(withAdditional ? [everything] : []),
  ];
}

function getRecord(engine: Engine, calls: PhpCalls): AsyncPhpFunction {
  return async (frame, result) => {
    const given = (await calls.arguments(frame, 's|lzzb')) as
      | [string, number?, number?, number?, number?]
      | undefined;
    if (given === undefined) return;
    const [host, type = anyType, authorities, additional, raw = 0] = given;
    const isRaw = raw !== 0;
    if (isRaw ? type < 1 || type > largestType : (type & ~allTypes) !== 0 && type !== anyType) {
      const text = isRaw
        ? 'must be between 1 and 65535 when argument #5 ($raw) is true'
        : 'must be a DNS_* constant';
      return calls.refuseArgument(2, text);
    }
    const found: { answers: PhpValue[]; authorities: PhpValue[]; additional: PhpValue[] } = {
      answers: [],
      authorities: [],
      additional: [],
    };
    setReference(engine, authorities, []);
    setReference(engine, additional, []);
    for (const query of typesToAsk(type, isRaw, additional !== undefined)) {
      const answer = await lookUpRecords(host, query.type);
      if (typeof answer === 'string') {
        const warning = warnings[answer];
        if (warning === undefined) continue;
        await calls.warn(warning);
        return writeValue(engine, result, false);
      }
      collect(answer, query, isRaw, found);
    }
    setReference(engine, authorities, found.authorities);
    setReference(engine, additional, found.additional);
    writeValue(engine, result, found.answers);
  };
}

function collect(
  answer: DnsAnswer,
  query: { type: number; isStored: boolean },
  isRaw: boolean,
  into: { answers: PhpValue[]; authorities: PhpValue[]; additional: PhpValue[] },
): void {
  const values = (records: readonly DnsRecord[], type: number): PhpValue[] =>
    records
      .filter((record) => type === recordTypes.ANY || record.type === type)
      .flatMap((record) => recordValue(record, isRaw) ?? []);
  if (query.isStored) into.answers.push(...values(answer.answers, query.type));
  into.authorities.push(...values(answer.authorities, recordTypes.ANY));
  into.additional.push(...values(answer.additional, recordTypes.ANY));
}

function check(engine: Engine, version: string, calls: PhpCalls): AsyncPhpFunction {
  return async (frame, result) => {
    const [host, type = 'MX'] = ((await calls.arguments(frame, 's|s')) ?? []) as (string | undefined)[];
    if (host === undefined) return;
    if (host === '')
      return calls.refuseArgument(1, Number(version) >= 8.4 ? 'must not be empty' : 'cannot be empty');
    const name = type.toUpperCase();
    const number = unchecked.includes(name) ? undefined : recordTypes[name as keyof typeof recordTypes];
    if (number === undefined) return calls.refuseArgument(2, 'must be a valid DNS record type');
    writeValue(engine, result, typeof (await lookUpRecords(host, number)) !== 'string');
  };
}

function getMailServers(engine: Engine, calls: PhpCalls): AsyncPhpFunction {
  return async (frame, result) => {
    const given = (await calls.arguments(frame, 'sz|z')) as [string, number, number?] | undefined;
    if (given === undefined) return;
    const [host, hosts, weights] = given;
    const answer = await lookUpRecords(host, recordTypes.MX);
    const records =
      typeof answer === 'string' ? [] : answer.answers.filter(({ type }) => type === recordTypes.MX);
    const values = records.map((record) => recordValue(record, false) as ReadonlyMap<string, PhpValue>);
    const field = (name: string): PhpValue[] => values.map((value) => value.get(name) ?? null);
    setReference(engine, hosts, field('target'));
    setReference(engine, weights, field('pri'));
    writeValue(engine, result, records.length > 0);
  };
}

/** Sets the variable behind a reference argument; undefined when it was omitted. */
function setReference(engine: Engine, place: number | undefined, value: PhpValue): void {
  if (place === undefined) return;
  const isReference = kindOf(engine, place) === reference.kind;
  const target = isReference ? engine.memory.word(place + zval.value) + reference.value : place;
  replaceValue(engine, target, value);
}
