/** Reads status pages of any format back into a snapshot. Written from the pages, not from the renderers. */

import type { ProcessStatus, StatusSnapshot } from '../../src/status/status-snapshot.ts';
import { asBinary } from '../../src/text/binary.ts';

type Values = ReadonlyMap<string, string>;

export interface ParsedStatus {
  readonly snapshot: StatusSnapshot;
  /** Milliseconds since 1970 at which the page was made. */
  readonly now: number;
}

const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', '#039': "'" };

function decodeEntities(text: string): string {
  return text.replace(/&(amp|lt|gt|quot|#039);/g, (_, name: string) => entities[name]!);
}

function valuesOf(pairs: Iterable<readonly [string, string]>): Values {
  return new Map([...pairs].map(([name, value]) => [name.toLowerCase().replaceAll(' ', '-'), value]));
}

function textValues(text: string): Values {
  return valuesOf([...text.matchAll(/^([A-Za-z ]+): +(.*)$/gm)].map(([, name, value]) => [name!, value!]));
}

function elementValues(text: string): Values {
  return valuesOf(
    [...text.matchAll(/<([a-z-]+)>([^<]*)<\/\1>/g)].map(([, name, value]) => [name!, decodeEntities(value!)]),
  );
}

function objectValues(object: Readonly<Record<string, unknown>>): Values {
  return valuesOf(Object.entries(object).map(([name, value]) => [name, toBinary(String(value))]));
}

function toBinary(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

const parsers: Readonly<Record<string, (body: string) => readonly [Values, Values[]]>> = {
  text: (body) => {
    const [pool, ...processes] = body.split('************************\n');
    return [textValues(pool!), processes.map(textValues)];
  },
  html: (body) => {
    const [pool, processes] = body.split('<table border="1">');
    const labels = [...(processes ?? '').matchAll(/<th>([^<]*)/g)].map(([, label]) => label!);
    const rows = (processes ?? '').split('\n').filter((line) => line.startsWith('<tr><td>'));
    const cells = rows.map((row) =>
      [...row.matchAll(/<td>([^<]*)/g)].map(([, cell]) => decodeEntities(cell!)),
    );
    const pairs = [...pool!.matchAll(/<th>([^<]*)<\/th><td>([^<]*)/g)].map(
      ([, name, value]) => [name!, decodeEntities(value!)] as const,
    );
    return [valuesOf(pairs), cells.map((row) => valuesOf(row.map((cell, index) => [labels[index]!, cell])))];
  },
  xml: (body) => {
    const [pool, processes] = body.split('<processes>');
    const rows = (processes ?? '').split('\n').filter((line) => line.startsWith('<process>'));
    return [elementValues(pool!), rows.map(elementValues)];
  },
  json: (body) => {
    const { processes, ...pool } = JSON.parse(body);
    return [objectValues(pool), (processes ?? []).map(objectValues)];
  },
};

const months = 'JanFebMarAprMayJunJulAugSepOctNovDec';

/** Seconds since 1970 of either form of a time. */
function epochSeconds(text: string): number {
  const match = /^(\d+)\/(\w+)\/(\d+):(\d+):(\d+):(\d+) ([+-]\d\d)(\d\d)$/.exec(text);
  if (match === null) return Number(text);
  const [, day, month, year, hour, minute, second, zoneHours, zoneMinutes] = match;
  const number = String(months.indexOf(month!) / 3 + 1).padStart(2, '0');
  return Date.parse(`${year}-${number}-${day}T${hour}:${minute}:${second}${zoneHours}:${zoneMinutes}`) / 1000;
}

export function parseStatus(format: string, body: string): ParsedStatus {
  const [pool, processes] = parsers[format]!(body);
  const number = (name: string): number => Number(pool.get(name));
  const startTime = epochSeconds(pool.get('start-time')!);
  const snapshot = {
    pool: asBinary(pool.get('pool')!),
    processManager: pool.get('process-manager')!,
    startTime,
    acceptedConnections: number('accepted-conn'),
    listenQueue: number('listen-queue'),
    maxListenQueue: number('max-listen-queue'),
    listenQueueLength: number('listen-queue-len'),
    idleProcesses: number('idle-processes'),
    activeProcesses: number('active-processes'),
    maxActiveProcesses: number('max-active-processes'),
    maxChildrenReached: number('max-children-reached'),
    slowRequests: number('slow-requests'),
    // PHP has it since 8.4.
    memoryPeak: pool.has('memory-peak') ? number('memory-peak') : undefined,
    maxChildren: 2,
    isBooted: false,
    processes: processes.map(parseProcess),
  };
  return { snapshot, now: (startTime + number('start-since')) * 1000 };
}

function parseProcess(values: Values): ProcessStatus {
  const number = (name: string): number => Number(values.get(name));
  const string = (name: string): string => values.get(name)!;
  return {
    pid: number('pid'),
    state: string('state'),
    startTime: epochSeconds(string('start-time')),
    requests: number('requests'),
    requestDuration: number('request-duration'),
    method: asBinary(string('request-method')),
    uri: asBinary(string('request-uri')),
    query: asBinary(''),
    path: asBinary(''),
    contentLength: number('content-length'),
    user: asBinary(string('user')),
    script: asBinary(string('script')),
    requestId: asBinary(''),
    lastRequestCpu: number('last-request-cpu'),
    lastRequestMemory: number('last-request-memory'),
    application: undefined,
  };
}
