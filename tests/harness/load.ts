/** Many concurrent clients; every request is counted by its outcome. */
import { get } from 'node:http';
import { type Address, type LossKind, RequestLost, request } from './fastcgi.ts';

/** Possible outcomes of a request. */
export type Outcome = 'ok' | 'wrong body' | 'error status' | LossKind;

/** The tally of a load. */
export interface LoadResult {
  /** Number of requests by outcome; unused outcomes are absent. */
  readonly counts: Partial<Record<Outcome, number>>;
  /** The longest time from start to answer of one request, in ms. */
  readonly longest: number;
  /** Answers of the first requests that were not `ok`. */
  readonly samples: string[];
}

/** A running load. */
export interface Load {
  /** Requests that were answered well so far. */
  readonly answered: number;
  /** The tally up to now. */
  soFar(): LoadResult;
  /** Lets every client finish its current request, then resolves with the tally. */
  stop(): Promise<LoadResult>;
}

/** Starts `clients` loops, each of which repeats the same request as soon as it was answered. */
export function startLoad(options: {
  readonly clients: number;
  readonly address: Address;
  readonly params: Readonly<Record<string, string>>;
  /** The correct body. */
  readonly body: string;
}): Load {
  return repeat(options.clients, options.body, () => request(options.address, options.params));
}

/** The same through a web server that listens on a Unix socket. */
export function startHttpLoad(options: {
  readonly clients: number;
  readonly socketPath: string;
  readonly path: string;
  readonly body: string;
}): Load {
  return repeat(options.clients, options.body, () => httpGet(options.socketPath, options.path));
}

/** One request to a web server. @throws RequestLost without a whole answer */
export async function httpGet(
  socketPath: string,
  path: string,
): Promise<{ readonly status: number; readonly body: string }> {
  return await new Promise((resolve, reject) => {
    const lost = ({ code, message }: NodeJS.ErrnoException): void =>
      reject(new RequestLost(code === 'ECONNREFUSED' || code === 'ENOENT' ? 'refused' : 'reset', message));
    const asked = get({ socketPath, path, agent: false }, (answer) => {
      const parts: Buffer[] = [];
      answer.on('data', (part: Buffer) => parts.push(part));
      answer.on('error', lost);
      answer.on('end', () =>
        resolve({ status: answer.statusCode ?? 0, body: Buffer.concat(parts).toString() }),
      );
    });
    asked.on('error', lost);
  });
}

function repeat(
  clientCount: number,
  body: string,
  ask: () => Promise<{ readonly status: number; readonly body: { toString(): string } }>,
): Load {
  const counts: Partial<Record<Outcome, number>> = {};
  const samples: string[] = [];
  let longest = 0;
  let running = true;

  const once = async (): Promise<Outcome> => {
    const begin = performance.now();
    try {
      const reply = await ask();
      if (reply.status >= 400) return note('error status', `${reply.status} ${reply.body.toString()}`);
      if (reply.body.toString() !== body) return note('wrong body', reply.body.toString());
      return 'ok';
    } catch (error) {
      if (error instanceof RequestLost) return note(error.kind, error.message);
      throw error;
    } finally {
      longest = Math.max(longest, performance.now() - begin);
    }
  };
  const note = (outcome: Outcome, sample: string): Outcome => {
    if (samples.length < 5) samples.push(`${outcome}: ${sample.slice(0, 200)}`);
    return outcome;
  };
  const client = async (): Promise<void> => {
    while (running) {
      const outcome = await once();
      counts[outcome] = (counts[outcome] ?? 0) + 1;
    }
  };
  const clients = Array.from({ length: clientCount }, client);
  return {
    get answered() {
      return counts.ok ?? 0;
    },
    soFar: () => ({ counts, longest, samples }),
    async stop() {
      running = false;
      await Promise.all(clients);
      return { counts, longest, samples };
    },
  };
}
