/** Hathi and php-fpm, started with the same pools, and measured by turns so that a busy machine is so for both. */
import type { TestFolder } from '../../tests/harness/folder.ts';
import { type EngineName, type Server, type ServerKind, startServer } from '../../tests/harness/server.ts';
import type { Comparison } from './figure.ts';
import { hasPhpFpm } from './machine.ts';
import { summarize } from './statistics.ts';

export class Pair implements AsyncDisposable {
  readonly servers: readonly Server[];

  private constructor(servers: readonly Server[]) {
    this.servers = servers;
  }

  /**
   * @param pools - the pools' text, the same for both
   * @param prepare - fills the `www` folder of each server
   * @param engine - Hathi's
   */
  static async start(
    pools: (folder: TestFolder) => string,
    prepare: (folder: TestFolder) => void,
    engine: EngineName = 'embedded',
  ): Promise<Pair> {
    const kinds: ServerKind[] = hasPhpFpm() ? ['hathi', 'php-fpm'] : ['hathi'];
    const servers: Server[] = [];
    for (const kind of kinds) {
      const server = await startServer({ kind, pools, engine });
      servers.push(server);
      prepare(server.folder);
    }
    return new Pair(servers);
  }

  /** Measures once without counting: caches are filled, code is compiled. Then `rounds` times, order swapped. */
  async compare<Name extends string>(
    rounds: number,
    measure: (server: Server) => Promise<Record<Name, number>>,
  ): Promise<Record<Name, Comparison>> {
    for (const server of this.servers) await measure(server);
    return await interleave(rounds, this.servers, measure);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of this.servers) await server[Symbol.asyncDispose]();
  }
}

/** Runs rounds in which each side is measured once; the order is swapped from round to round. */
export async function interleave<Name extends string>(
  rounds: number,
  servers: readonly Server[],
  measure: (server: Server) => Promise<Record<Name, number>>,
): Promise<Record<Name, Comparison>> {
  const byKind = new Map(servers.map((server) => [server.kind, server]));
  return await interleaveKinds(rounds, [...byKind.keys()], (kind) => {
    const server = byKind.get(kind);
    if (server === undefined) throw new Error(`no server of the kind ${kind}`);
    return measure(server);
  });
}

/** The same where each measurement starts a server of its own. */
export async function interleaveKinds<Name extends string>(
  rounds: number,
  kinds: readonly ServerKind[],
  measure: (kind: ServerKind) => Promise<Record<Name, number>>,
): Promise<Record<Name, Comparison>> {
  const results: Record<ServerKind, Record<Name, number>[]> = { hathi: [], 'php-fpm': [] };
  for (let round = 0; round < rounds; round++) {
    const order = round % 2 === 0 ? kinds : kinds.toReversed();
    for (const kind of order) results[kind].push(await measure(kind));
  }
  const names = Object.keys(results.hathi[0] ?? {}) as Name[];
  return Object.fromEntries(
    names.map((name) => [
      name,
      comparison(valuesOf(results.hathi, name), valuesOf(results['php-fpm'], name)),
    ]),
  ) as Record<Name, Comparison>;
}

function valuesOf<Name extends string>(rounds: readonly Record<Name, number>[], name: Name): number[] {
  return rounds.map((round) => round[name]);
}

function comparison(hathi: readonly number[], phpFpm: readonly number[]): Comparison {
  if (phpFpm.length === 0) return { hathi: summarize(hathi) };
  const ratios = hathi.map((value, round) => value / (phpFpm[round] ?? Number.NaN));
  return { hathi: summarize(hathi), phpFpm: summarize(phpFpm), ratio: summarize(ratios) };
}
