/** The memory limit of the master and its pools, and how much of it others use. */

import type { MemoryLimitFigures } from '../figures/memory.ts';
import { memoryAccount } from '../posix/memory-limit.ts';
import type { PoolMemory } from './pool-memory.ts';

/** @param masterBytes memory of the master's own process */
export function memoryLimit(
  runners: readonly { readonly name: string }[],
  memory: Pick<PoolMemory, 'of'>,
  masterBytes: number,
): MemoryLimitFigures | undefined {
  const account = memoryAccount();
  if (account === undefined) return undefined;
  const { source, limitBytes, usedBytes } = account;
  const pools = runners.map(({ name }) => memory.of(name)?.bytes);
  const isKnown = pools.every((bytes) => bytes !== undefined);
  const ownBytes = isKnown ? pools.reduce((sum, bytes) => sum + bytes, masterBytes) : undefined;
  return {
    ...{ source, limitBytes, usedBytes, ownBytes },
    othersBytes: ownBytes === undefined ? undefined : Math.max(0, usedBytes - ownBytes),
  };
}
