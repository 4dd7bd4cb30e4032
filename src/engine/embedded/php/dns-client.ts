/** A DNS client that uses the host's name servers, as the resolver does (resolv.conf(5)). */

import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { connect, isIPv6 } from 'node:net';
import { answerCodes, answers, type DnsAnswer, encodeQuestion, parseAnswer } from './dns-message.ts';

const configuration = '/etc/resolv.conf';
const port = 53;
/** Limits of the resolver. */
const maxServers = 3;
const maxDomains = 6;
/** TCP messages have a 16-bit length. */
const lengthBytes = 2;

export interface ResolverSettings {
  readonly servers: readonly string[];
  readonly search: readonly string[];
  readonly dots: number;
  readonly timeoutSeconds: number;
  readonly attempts: number;
}

const otherServersMayKnow: readonly number[] = [
  answerCodes.serverFailure,
  answerCodes.notImplemented,
  answerCodes.refused,
];

/** Failures of a question, by the names of netdb.h. */
export const dnsFailures = {
  hostNotFound: 'HOST_NOT_FOUND',
  tryAgain: 'TRY_AGAIN',
  noData: 'NO_DATA',
  noRecovery: 'NO_RECOVERY',
} as const;
export type DnsFailure = (typeof dnsFailures)[keyof typeof dnsFailures];

/** @param text content of resolv.conf */
export function parseResolverSettings(text: string): ResolverSettings {
  const servers: string[] = [];
  let search: string[] = [];
  const options = new Map<string, number>();
  for (const line of text.split('\n')) {
    const [keyword, ...words] = line
      .replace(/[#;].*/, '')
      .trim()
      .split(/\s+/);
    if (keyword === 'nameserver' && words[0] !== undefined) servers.push(words[0]);
    else if (keyword === 'search') search = words;
    else if (keyword === 'domain') search = words.slice(0, 1);
    else if (keyword === 'options') {
      for (const word of words) options.set(word.split(':')[0] ?? '', Number(word.split(':')[1]));
    }
  }
  const bounded = (name: string, usual: number, most: number): number =>
    Math.min(options.get(name) || usual, most);
  return {
    servers: servers.length === 0 ? ['127.0.0.1'] : servers.slice(0, maxServers),
    search: search.slice(0, maxDomains),
    dots: options.get('ndots') ?? 1,
    timeoutSeconds: bounded('timeout', 5, 30),
    attempts: bounded('attempts', 2, 5),
  };
}

/** The names to ask for, in order: for a name without dots the search domains come first. */
export function searchedNames(name: string, { search, dots }: ResolverSettings): string[] {
  if (name.endsWith('.')) return [name];
  const inDomains = search.map((domain) => `${name}.${domain}`);
  return name.split('.').length - 1 >= dots ? [name, ...inDomains] : [...inDomains, name];
}

function readSettings(): ResolverSettings {
  try {
    return parseResolverSettings(readFileSync(configuration, 'latin1'));
  } catch {
    return parseResolverSettings('');
  }
}

/** Looks up records of a type. Names are bytes. Never throws. */
export async function lookUpRecords(name: string, type: number): Promise<DnsAnswer | DnsFailure> {
  const settings = readSettings();
  let failure: DnsFailure | undefined;
  for (const full of searchedNames(name, settings)) {
    const found = await ask(full, type, settings);
    if (typeof found !== 'string') return found;
    // The failure of the first name is more informative than that of a searched one.
    if (failure === undefined || failure === dnsFailures.hostNotFound) failure = found;
    if (found === dnsFailures.tryAgain) break;
  }
  return failure ?? dnsFailures.hostNotFound;
}

async function ask(name: string, type: number, settings: ResolverSettings): Promise<DnsAnswer | DnsFailure> {
  for (let attempt = 0; attempt < settings.attempts; attempt += 1) {
    for (const server of settings.servers) {
      const question = encodeQuestion(randomInt(2 ** 16), name, type);
      if (question === undefined) return dnsFailures.noRecovery;
      const answer = await askServer(server, question, settings.timeoutSeconds * 1000);
      if (answer === undefined) continue;
      if (answer.code === answerCodes.nameError) return dnsFailures.hostNotFound;
      if (answer.code === answerCodes.none) return answer.answers.length > 0 ? answer : dnsFailures.noData;
      if (!otherServersMayKnow.includes(answer.code)) return dnsFailures.noRecovery;
    }
  }
  return dnsFailures.tryAgain;
}

/** @returns undefined when the server does not answer in time, or sends an invalid message */
async function askServer(server: string, question: Buffer, limit: number): Promise<DnsAnswer | undefined> {
  try {
    const answer = parseAnswer(await askByUdp(server, question, limit));
    return answer.isTruncated ? parseAnswer(await askByTcp(server, question, limit)) : answer;
  } catch {
    return undefined;
  }
}

function askByUdp(server: string, question: Buffer, limit: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = createSocket(isIPv6(server) ? 'udp6' : 'udp4');
    const finish = (end: () => void): void => {
      clearTimeout(timer);
      socket.close();
      end();
    };
    const timer = setTimeout(() => finish(() => reject(new Error('no answer'))), limit);
    socket.on('error', (error) => finish(() => reject(error)));
    socket.on('message', (message) => {
      // Ignore messages of others.
      if (answers(message, question)) finish(() => resolve(message));
    });
    socket.connect(port, server, () => socket.send(question));
  });
}

function askByTcp(server: string, question: Buffer, limit: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: server, port, timeout: limit });
    let received = Buffer.alloc(0);
    const finish = (end: () => void): void => {
      socket.destroy();
      end();
    };
    socket.on('timeout', () => finish(() => reject(new Error('no answer'))));
    socket.on('error', (error) => finish(() => reject(error)));
    socket.on('close', () => reject(new Error('no answer')));
    socket.on('data', (data) => {
      received = Buffer.concat([received, data]);
      const end =
        received.length < lengthBytes ? Number.POSITIVE_INFINITY : received.readUInt16BE(0) + lengthBytes;
      const message = received.subarray(lengthBytes, end);
      if (received.length >= end && answers(message, question)) finish(() => resolve(message));
    });
    const length = Buffer.alloc(lengthBytes);
    length.writeUInt16BE(question.length);
    socket.write(Buffer.concat([length, question]));
  });
}
