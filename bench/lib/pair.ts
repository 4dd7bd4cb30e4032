/** Hathi and php-fpm, started with the same pools, and measured by turns so that a busy machine is so for both. */
import type { TestFolder } from '../../tests/harness/folder.ts';
import { type EngineName, type Server, type ServerKind, startServer } from '../../tests/harness/server.ts';
import type { Comparison } from './figure.ts';
import { hasPhpFpm } from './machine.ts';
import { medianInterval, summarize } from './statistics.ts';

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
    return compareGroups([await this.collect(rounds, measure)]);
  }

  /**
   * The same, each round for itself.
   *
   * @param warm what is done once without counting
   */
  async collect<Name extends string>(
    rounds: number,
    measure: (server: Server) => Promise<Record<Name, number>>,
    warm: (server: Server) => Promise<unknown> = measure,
  ): Promise<Rounds<Name>> {
    for (const server of this.servers) await warm(server);
    return await collectRounds(rounds, ...byKind(this.servers, measure));
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
  return await interleaveKinds(rounds, ...byKind(servers, measure));
}

function byKind<Name extends string>(
  servers: readonly Server[],
  measure: (server: Server) => Promise<Record<Name, number>>,
): [kinds: readonly ServerKind[], measure: (kind: ServerKind) => Promise<Record<Name, number>>] {
  const known = new Map(servers.map((server) => [server.kind, server]));
  const measureKind = (kind: ServerKind): Promise<Record<Name, number>> => {
    const server = known.get(kind);
    if (server === undefined) throw new Error(`no server of the kind ${kind}`);
    return measure(server);
  };
  return [[...known.keys()], measureKind];
}

/** The same where each measurement starts a server of its own. */
export async function interleaveKinds<Name extends string>(
  rounds: number,
  kinds: readonly ServerKind[],
  measure: (kind: ServerKind) => Promise<Record<Name, number>>,
): Promise<Record<Name, Comparison>> {
  return compareGroups([await collectRounds(rounds, kinds, measure)]);
}

/** What each round has measured. */
export type Rounds<Name extends string> = Readonly<Record<ServerKind, readonly Record<Name, number>[]>>;

async function collectRounds<Name extends string>(
  rounds: number,
  kinds: readonly ServerKind[],
  measure: (kind: ServerKind) => Promise<Record<Name, number>>,
): Promise<Rounds<Name>> {
  const results: Record<ServerKind, Record<Name, number>[]> = { hathi: [], 'php-fpm': [] };
  for (let round = 0; round < rounds; round++) {
    const order = round % 2 === 0 ? kinds : kinds.toReversed();
    for (const kind of order) results[kind].push(await measure(kind));
  }
  return results;
}

/** @param groups rounds of servers that were started anew in between */
export function compareGroups<Name extends string>(
  groups: readonly Rounds<Name>[],
): Record<Name, Comparison> {
  const names = Object.keys(groups[0]?.hathi[0] ?? {}) as Name[];
  return Object.fromEntries(
    names.map((name) => [
      name,
      comparison(
        groups.map(({ hathi }) => valuesOf(hathi, name)),
        groups.map((group) => valuesOf(group['php-fpm'], name)),
      ),
    ]),
  ) as Record<Name, Comparison>;
}

function valuesOf<Name extends string>(rounds: readonly Record<Name, number>[], name: Name): number[] {
  return rounds.map((round) => round[name]);
}

function comparison(hathi: readonly number[][], phpFpm: readonly number[][]): Comparison {
  if (phpFpm.flat().length === 0) return { hathi: summarize(hathi.flat()) };
  const ratios = hathi.map((values, group) =>
    values.map((value, round) => value / (phpFpm[group]?.[round] ?? Number.NaN)),
  );
  const interval = medianInterval(ratios);
  return {
    hathi: summarize(hathi.flat()),
    phpFpm: summarize(phpFpm.flat()),
    ratio: summarize(ratios.flat()),
    ...(interval === undefined ? {} : { interval }),
  };
}
