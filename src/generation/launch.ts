/** Starts a generation: its scoreboard, its descriptor channel, its host. */

import { initialMemory } from '../pool/management.ts';
import { slotsOf } from '../pool/worker-mode.ts';
import { memoryFile, socketPair } from '../posix/descriptors.ts';
import { scoreboardSize } from '../scoreboard/layout.ts';
import { Generation, type GenerationParts } from './generation.ts';
import { type HostEvent, HostProcess } from './host-process.ts';
import type { MasterServices } from './master-services.ts';
import { logOwners, type PreparedPool } from './prepared-pool.ts';

/**
 * Starts a host for the pool. It accepts nothing until it is told to.
 *
 * @param conditions.wantedAtTakeOver number of workers that must be up before it takes over the socket
 * @param conditions.besideOthers another generation of the pool serves meanwhile
 * @param conditions.voice rate limit for the log lines of its host and workers
 * @throws the system's error when it is out of descriptors or memory
 */
export function launchGeneration(
  pool: PreparedPool,
  conditions: Pick<GenerationParts, 'wantedAtTakeOver' | 'besideOthers' | 'voice' | 'earlier'>,
  services: MasterServices,
  onEvent: (generation: Generation, event: HostEvent) => void,
): Generation {
  const accessLog = services.accessLog(pool);
  const slotCount = slotsOf(pool.config);
  const generation = new Generation({
    number: services.nextGenerationNumber(),
    pool: pool.config,
    engine: pool.command.engine,
    logOwners: logOwners(pool),
    scoreboardFd: memoryFile(`hathi-scoreboard-${pool.config.name}`, scoreboardSize(slotCount)),
    memory: initialMemory,
    log: services.log,
    patience: services.patience,
    ...conditions,
  });
  try {
    generation.attach(startHost(generation, pool, accessLog, services, onEvent));
  } catch (error) {
    generation.close();
    throw error;
  }
  return generation;
}

function startHost(
  generation: Generation,
  pool: PreparedPool,
  accessLog: number | undefined,
  services: MasterServices,
  onEvent: (generation: Generation, event: HostEvent) => void,
): HostProcess {
  const descriptors = {
    scoreboard: generation.scoreboardFd,
    listen: pool.listener.intactFd(),
    accessLog,
    descriptorPair: socketPair(),
  };
  return new HostProcess({
    start: (listener) => services.startHost(pool, descriptors, listener),
    descriptorChannel: descriptors.descriptorPair[0],
    slotCount: slotsOf(pool.config),
    settings: pool.settings,
    onEvent: (event) => onEvent(generation, event),
  });
}
