/** Many concurrent clients; every request is counted by its outcome. */
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
  const counts: Partial<Record<Outcome, number>> = {};
  const samples: string[] = [];
  let longest = 0;
  let running = true;

  const once = async (): Promise<Outcome> => {
    const begin = performance.now();
    try {
      const reply = await request(options.address, options.params);
      if (reply.status >= 400) return note('error status', `${reply.status} ${reply.body.toString()}`);
      if (reply.body.toString() !== options.body) return note('wrong body', reply.body.toString());
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
  const clients = Array.from({ length: options.clients }, client);
  return {
    async stop() {
      running = false;
      await Promise.all(clients);
      return { counts, longest, samples };
    },
  };
}
