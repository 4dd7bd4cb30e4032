/**
 * The visitors of examples/cluster: a program that runs on the cluster's machine `client` and is told by lines on stdin.
 * Each visitor has a session, orders one thing after the other, and knows the count that the answer must have.
 *
 *   load N      N visitors begin
 *   phase NAME  orders from here on count for NAME
 *   stop        the visitors end, and the report is written
 *   get URL     one request, with what came of it
 *
 * Every line but `load` and `phase` has one line of JSON as its answer.
 */
import { readFileSync } from 'node:fs';
import { request as plainRequest } from 'node:http';
import { Agent, type RequestOptions, request as tlsRequest } from 'node:https';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';

/** An answer that a visitor did not like. */
export interface Failure {
  /** When it came; the clock is that of all machines. */
  readonly at: number;
  readonly method: string;
  /** 0 where the connection broke. */
  readonly status: number;
  /** The node that HAProxy had chosen. */
  readonly servedBy: string;
  readonly text: string;
}

/** What came of all requests. */
export interface LoadReport {
  readonly answers: number;
  readonly failures: readonly Failure[];
  /** Counts that were not the one before and one. */
  readonly gaps: readonly string[];
  /** Answers of each release and of each node. */
  readonly releases: Readonly<Record<string, number>>;
  readonly nodes: Readonly<Record<string, number>>;
  readonly orders: readonly Order[];
}

/** An order that was carried out. */
export interface Order {
  readonly phase: string;
  /** When it was given for the first time; the clock is that of all machines. */
  readonly at: number;
  /** Until its answer, milliseconds. */
  readonly took: number;
}

/** One answer. */
export interface ClientAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** Milliseconds that the application is told to work. With seven visitors it takes some 80 requests a second. */
const work = 80;
/** Which orders are POST: one in so many. */
const postEvery = 4;
/** A visitor whose order fails gives it again, so often at most. */
const tries = 50;

// The names of the site and of its certificate's file on this machine.
const [edge = '', certificate = ''] = process.argv.slice(2);

function send(url: string, options: RequestOptions): Promise<ClientAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<ClientAnswer>();
  const isTls = url.startsWith('https:');
  const ca = isTls ? { ca: readFileSync(certificate), servername: 'example.test' } : {};
  const request = (isTls ? tlsRequest : plainRequest)(url, { ...ca, ...options }, (response) => {
    const chunks: Buffer[] = [];
    response.on('data', (chunk: Buffer) => chunks.push(chunk));
    response.on('error', reject);
    response.on('end', () => {
      const body = Buffer.concat(chunks).toString();
      resolve({ status: response.statusCode ?? 0, headers: response.headers, body });
    });
  });
  request.setTimeout(30_000, () => request.destroy(new Error('no answer for 30 s')));
  request.on('error', reject);
  request.end();
  return promise;
}

class Visitors {
  #running = true;
  #phase = 'start';
  #answers = 0;
  readonly #failures: Failure[] = [];
  readonly #gaps: string[] = [];
  readonly #releases: Record<string, number> = {};
  readonly #nodes: Record<string, number> = {};
  readonly #orders: Order[] = [];
  readonly #visits: Promise<void>[];

  constructor(count: number) {
    this.#visits = Array.from({ length: count }, (_, index) => this.#visit(index));
  }

  phase(name: string): void {
    this.#phase = name;
  }

  async stop(): Promise<LoadReport> {
    this.#running = false;
    await Promise.all(this.#visits);
    return {
      answers: this.#answers,
      failures: this.#failures,
      gaps: this.#gaps,
      releases: this.#releases,
      nodes: this.#nodes,
      orders: this.#orders,
    };
  }

  async #visit(visitor: number): Promise<void> {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    let cookie = '';
    for (let order = 1; this.#running; order += 1) {
      const method = order % postEvery === 0 ? 'POST' : 'GET';
      const answer = await this.#order(method, {
        agent,
        headers: { 'Idempotency-Key': `${visitor}-${order}`, Cookie: cookie, 'Content-Length': '0' },
      });
      const [set = ''] = answer.headers['set-cookie'] ?? [];
      if (set !== '') cookie = set.split(';')[0] ?? '';
      const { count, release, node } = JSON.parse(answer.body);
      if (count !== order) {
        this.#gaps.push(`visitor ${visitor} was told ${count} instead of ${order} by ${node}`);
        break;
      }
      this.#releases[release] = (this.#releases[release] ?? 0) + 1;
      this.#nodes[node] = (this.#nodes[node] ?? 0) + 1;
    }
    agent.destroy();
  }

  /** Gives an order until it is taken. */
  async #order(method: string, options: RequestOptions): Promise<ClientAnswer> {
    const [at, begin] = [Date.now(), performance.now()];
    for (let left = tries; ; left -= 1) {
      const answer = await send(`https://${edge}/?work=${work}`, { ...options, method }).catch(
        (error: Error): ClientAnswer => ({ status: 0, headers: {}, body: error.message }),
      );
      if (answer.status === 200) {
        this.#answers += 1;
        this.#orders.push({ phase: this.#phase, at, took: performance.now() - begin });
        return answer;
      }
      const servedBy = `${answer.headers['x-served-by'] ?? ''}`;
      this.#failures.push({
        at: Date.now(),
        method,
        status: answer.status,
        servedBy,
        text: answer.body.slice(0, 200),
      });
      if (left === 0) throw new Error(`an order was refused ${tries} times: ${answer.status} ${answer.body}`);
      await pause(50);
    }
  }
}

async function main(): Promise<void> {
  let visitors: Visitors | undefined;
  for await (const line of createInterface({ input: process.stdin })) {
    const [verb, argument = ''] = line.split(' ');
    let answer: unknown;
    if (verb === 'load') visitors = new Visitors(Number(argument));
    else if (verb === 'phase') visitors?.phase(argument);
    else if (verb === 'stop') answer = await visitors?.stop();
    else if (verb === 'get') {
      answer = await send(argument, {}).catch((error: Error) => ({
        status: 0,
        headers: {},
        body: error.message,
      }));
    }
    if (answer !== undefined) process.stdout.write(`${JSON.stringify(answer)}\n`);
  }
}

await main();
