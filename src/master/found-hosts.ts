/** Hosts of the last master that were found in its folder: asked, believed, taken over, or ended. */

import { closeSync, fstatSync, readFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { contractVersion, encodeMessage } from '../engine/contract.ts';
import type { HostRecord, Survivor } from '../generation/survivor.ts';
import type { ErrorLog } from '../log/error-log.ts';
import { closedBy, receiveDescriptor, sendDescriptors, socketPair } from '../posix/descriptors.ts';
import { ProcessHandle } from '../posix/pidfd.ts';
import { bootId } from '../posix/process-stat.ts';
import { connectAtOnce, isListening } from '../posix/sockets.ts';
import { scoreboardSize } from '../scoreboard/layout.ts';
import { Listener } from '../sockets/listener.ts';
import type { SurvivalFolder } from './survival-folder.ts';

/** A host whose loop runs answers within milliseconds. All are asked at once, so this is the wait for all that are stopped. */
const answerMs = 3000;
/** Each host has to run to answer: time for one more. */
const answerMsEach = 20;
/** A host that is told to end at once takes that long at most. */
const orphanEndMs = 5000;

/** One that was reached, with the socket that its pool listens on. */
export interface FoundHost extends Omit<Survivor, 'process'> {
  readonly listen: number;
  /** Undefined where its pid is unknown: it finishes what it runs. */
  readonly process: ProcessHandle | undefined;
}

/** Whether a pool can go on with it. */
export function isAdoptable(found: FoundHost): found is FoundHost & Survivor {
  return found.record.contract === contractVersion && found.process !== undefined;
}

/** One that was asked for what is the master's. */
type Asked = Omit<FoundHost, 'scoreboard' | 'listen'>;

/** Connects to all hosts that have a record; files of those that are gone are removed. */
export function findHosts(places: readonly string[], folder: SurvivalFolder, log: ErrorLog): FoundHost[] {
  const asked = places.flatMap((place) => ask(place, folder, log) ?? []);
  const until = performance.now() + answerMs + answerMsEach * asked.length;
  return asked.flatMap((one) => hear(one, until, folder, log) ?? []);
}

/** Connects to a host. @returns undefined when it is gone, or cannot be believed; then its files are gone as well */
function ask(place: string, folder: SurvivalFolder, log: ErrorLog): Asked | undefined {
  const path = folder.recordOf(place);
  let record: HostRecord;
  try {
    record = readRecord(path);
  } catch (error) {
    log.warning(`'${path}' cannot be used: ${(error as Error).message}`);
    folder.remove(place);
    return undefined;
  }
  const isOfThisBoot = record.boot === undefined || record.boot === bootId();
  const hasPid = record.pid !== 0;
  const process =
    isOfThisBoot && hasPid ? ProcessHandle.openStarted(record.pid, record.startTicks) : undefined;
  if (process === undefined && (hasPid || !isOfThisBoot)) {
    folder.remove(place);
    return undefined;
  }
  try {
    return { place, record, process, ...connect(folder.socketOf(place)) };
  } catch (error) {
    if (process !== undefined) return endUnreached({ place, record, process }, error, folder, log);
    // It was never made.
    folder.remove(place);
    return undefined;
  }
}

/** Takes what it passes. @param until time of performance.now() */
function hear(asked: Asked, until: number, folder: SurvivalFolder, log: ErrorLog): FoundHost | undefined {
  try {
    return { ...asked, ...passed(asked, until) };
  } catch (error) {
    return endUnreached(asked, error, folder, log);
  }
}

function endUnreached(
  { place, record, process }: Pick<Asked, 'place' | 'record' | 'process'>,
  error: unknown,
  folder: SurvivalFolder,
  log: ErrorLog,
): undefined {
  log.warning(
    `[pool ${record.config.name}] the engine host ${record.pid} of the last master cannot be reached, it is ended: ${(error as Error).message}`,
  );
  process?.signal('SIGKILL');
  process?.close();
  folder.remove(place);
}

/** The sockets of hosts; generations of one pool have the same one. */
export function listenersOf(found: readonly FoundHost[]): Listener[] {
  const seen = new Set<number>();
  return found.flatMap(({ listen: fd }) => {
    const { ino } = fstatSync(fd);
    if (seen.has(ino)) {
      closeSync(fd);
      return [];
    }
    seen.add(ino);
    return [Listener.adopt(fd, 'inherited')];
  });
}

/** Ends a host; requests that run are lost. */
export async function endOrphan(found: FoundHost, folder: SurvivalFolder): Promise<void> {
  const { place, process, channel, descriptors, output, scoreboard } = found;
  const socket = new Socket({ fd: channel });
  const timer = setTimeout(() => process?.signal('SIGKILL'), orphanEndMs);
  const closed = new Promise<void>((done) => socket.once('close', () => done()));
  socket.on('error', () => socket.destroy());
  socket.resume();
  socket.write(encodeMessage(['survive', '0']));
  socket.end();
  await closed;
  clearTimeout(timer);
  for (const fd of [descriptors, ...output, scoreboard]) closeSync(fd);
  process?.close();
  folder.remove(place);
}

/** The latest generation first, and those on trial last. */
export function rankOf({ generation, isOnTrial }: HostRecord): number {
  return isOnTrial === true ? -1 / generation : generation;
}

/** @throws Error for a file that is no record */
function readRecord(path: string): HostRecord {
  const record = JSON.parse(readFileSync(path, 'utf8')) as HostRecord;
  const numbers = [record.contract, record.generation, record.pid, record.startTicks, record.slotCount];
  if (typeof record.config?.name !== 'string' || !numbers.every((number) => Number.isSafeInteger(number)))
    throw new Error('it is no record of a host');
  return { ...record, config: { ...record.config, places: new Map() } };
}

/**
 * Becomes the master of a host, which will pass what is the master's. Does not wait for it.
 *
 * @throws PosixError when nobody listens there
 */
function connect(path: string): Pick<Asked, 'channel' | 'descriptors' | 'output'> {
  using opened = new DisposableStack();
  using passed = new DisposableStack();
  const own = closedBy(opened);
  const theirsToo = closedBy(passed);
  const channel = own(connectAtOnce({ family: 'unix', path }));
  const pairs = [0, 1, 2].map(() => {
    const [ours, theirs] = socketPair();
    return [own(ours), theirsToo(theirs)] as const;
  });
  // Its socket is new: there is room.
  sendDescriptors(
    channel,
    pairs.map(([, theirs]) => theirs),
    0,
  );
  const [descriptors = -1, stdout = -1, stderr = -1] = pairs.map(([ours]) => ours);
  opened.move();
  return { channel, descriptors, output: [stdout, stderr] };
}

/**
 * The descriptors that a host passes. On failure everything that was opened for it is closed.
 *
 * @param until time of performance.now()
 * @throws PosixError when it does not answer until then; Error when it passes something else
 */
function passed(
  { channel, descriptors, output, record }: Asked,
  until: number,
): Pick<FoundHost, 'scoreboard' | 'listen'> {
  using opened = new DisposableStack();
  const own = closedBy(opened);
  for (const fd of [channel, descriptors, ...output]) own(fd);
  const receive = (): number =>
    own(receiveDescriptor(descriptors, Math.max(0, Math.ceil(until - performance.now()))));
  const scoreboard = receive();
  const listen = receive();
  if (!isListening(listen)) throw new Error('it passed no listening socket');
  const isShort = fstatSync(scoreboard).size < scoreboardSize(record.slotCount);
  // That of another version may have another layout.
  if (isShort && record.contract === contractVersion) throw new Error('it passed no scoreboard');
  opened.move();
  return { scoreboard, listen };
}
