/** Starts a generation: its scoreboard, its descriptor channel, its host. */

import { closeSync } from 'node:fs';
import { initialMemory } from '../pool/management.ts';
import { slotsOf } from '../pool/worker-mode.ts';
import { memoryFile, socketPair } from '../posix/descriptors.ts';
import { scoreboardSize } from '../scoreboard/layout.ts';
import { AdoptedLife } from './adopted-life.ts';
import { Generation, type GenerationParts } from './generation.ts';
import { type HostEvent, HostProcess } from './host-process.ts';
import type { MasterServices } from './master-services.ts';
import { logOwners, type PreparedPool } from './prepared-pool.ts';
import type { Survivor } from './survivor.ts';

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

/**
 * The generation of a host that outlived the last master. It says by itself what it is.
 *
 * @throws the error of the system, or one about its scoreboard
 */
export function adoptGeneration(
  pool: PreparedPool,
  survivor: Survivor,
  conditions: Pick<GenerationParts, 'besideOthers' | 'voice'>,
  services: MasterServices,
  onEvent: (generation: Generation, event: HostEvent) => void,
): Generation {
  const { record } = survivor;
  using opened = new DisposableStack();
  const { channel, descriptors, output, scoreboard } = survivor;
  for (const fd of [channel, descriptors, ...output, scoreboard]) opened.defer(() => closeSync(fd));
  const generation = new Generation({
    number: record.generation,
    pool: record.config,
    engine: record.engine,
    logOwners: logOwners(pool),
    scoreboardFd: survivor.scoreboard,
    memory: initialMemory,
    log: services.log,
    patience: services.patience,
    wantedAtTakeOver: 0,
    earlier: record.earlier,
    survivor,
    ...conditions,
  });
  opened.move();
  generation.attach(
    new HostProcess({
      start: (listener) => new AdoptedLife(survivor, listener),
      descriptorChannel: survivor.descriptors,
      slotCount: record.slotCount,
      settings: [],
      isAdopted: true,
      onEvent: (event) => onEvent(generation, event),
    }),
  );
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
  const [descriptorChannel] = descriptors.descriptorPair;
  try {
    return new HostProcess({
      start: (listener) => services.startHost(pool, descriptors, listener),
      descriptorChannel,
      slotCount: slotsOf(pool.config),
      settings: pool.settings,
      onEvent: (event) => onEvent(generation, event),
    });
  } catch (error) {
    closeSync(descriptorChannel);
    throw error;
  }
}
