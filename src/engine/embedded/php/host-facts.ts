/**
 * Facts about the machine, its users and this process for scripts. The engine's C library invents or lacks them; these
 * are the host's, as in PHP-FPM.
 */

import { lookupService } from 'node:dns/promises';
import { readFileSync, statSync } from 'node:fs';
import { hostname, loadavg, machine, release, type, version } from 'node:os';
import { isNumericId, lookupGroup, lookupUser } from '../../../posix/users.ts';
import { encodeBinary } from '../../../text/binary.ts';
import type { CFunction, Engine } from './engine.ts';
import { sapiGlobals, zval, zvalType } from './layout.ts';
import { argument, argumentCount, type ModuleFunctions, type PhpFunction } from './module-functions.ts';
import { Float, type PhpValue, readLong, readString, replaceValue } from './values.ts';

/** Replaces the functions in PHP's module `standard`. */
export function installHostFacts(engine: Engine, functions: ModuleFunctions): void {
  // PHP-FPM's workers do not have it.
  functions.remove('chroot');
  const answer = (name: string, make: (frame: number) => PhpValue): void =>
    functions.replace(name, (own) => answerInstead(engine, own, make));
  answer('php_uname', (frame) => uname(modeOf(engine, frame)));
  answer('gethostname', () => bytes(hostname()));
  answer('get_current_user', () => bytes(scriptOwner(engine)));
  answer('sys_getloadavg', () => loadavg().map((load) => new Float(load)));
  answer('getrusage', (frame) => usage(firstLong(engine, frame) === childrenUsage));
  answer('getservbyport', (frame) =>
    serviceName(firstLong(engine, frame), readString(engine, argument(frame, 1))),
  );
  for (const name of ['chown', 'lchown'])
    functions.replace(name, (own) => withIds(engine, own, (user) => lookupUser(user)?.uid));
  for (const name of ['chgrp', 'lchgrp'])
    functions.replace(name, (own) => withIds(engine, own, (group) => lookupGroup(group)?.gid));
  functions.replaceAsync('gethostbyaddr', (own) => {
    const call = WebAssembly.promising(own) as (frame: number, result: number) => Promise<void>;
    return async (frame, result) => {
      await call(frame, result);
      const address = readString(engine, result);
      if (address !== undefined) replaceValue(engine, result, await hostOf(address));
    };
  });
}

/** PHP's own function checks the arguments and throws for bad ones; then this replaces its answer. */
function answerInstead(engine: Engine, own: CFunction, make: (frame: number) => PhpValue): PhpFunction {
  return (frame, result) => {
    own(frame, result);
    const hasThrown = engine.memory.word(result + zval.type) === zvalType.null;
    if (!hasThrown) replaceValue(engine, result, make(frame));
  };
}

/** The host's text as PHP's bytes. */
function bytes(text: string): string {
  return encodeBinary(text);
}

function modeOf(engine: Engine, frame: number): string {
  return argumentCount(engine, frame) === 0 ? 'a' : (readString(engine, argument(frame, 0)) ?? 'a');
}

function firstLong(engine: Engine, frame: number): number {
  return argumentCount(engine, frame) === 0 ? 0 : (readLong(engine, argument(frame, 0)) ?? 0);
}

/** uname(2) by PHP's mode letters. */
export function uname(mode: string): string {
  const parts = { s: type(), n: hostname(), r: release(), v: version(), m: machine() };
  const part = Object.entries(parts).find(([letter]) => letter === mode.charAt(0));
  return bytes(part?.[1] ?? Object.values(parts).join(' '));
}

/** Empty when the script is deleted or its owner has no name. */
function scriptOwner(engine: Engine): string {
  const { memory } = engine;
  const path = memory.word(engine.address('sapi_globals') + sapiGlobals.pathTranslated);
  const stat =
    path === 0 ? undefined : statSync(Buffer.from(memory.string(path), 'latin1'), { throwIfNoEntry: false });
  return stat === undefined ? '' : (lookupUser(stat.uid)?.name ?? '');
}

/** `RUSAGE_CHILDREN`, as scripts pass it. */
const childrenUsage = 1;

/** getrusage(2): CPU time is that of the thread, other figures those of the process. For children all are 0. */
function usage(ofChildren: boolean): PhpValue {
  const { user, system } = process.threadCpuUsage();
  const all = process.resourceUsage();
  const figures: readonly (readonly [string, number])[] = [
    ['ru_oublock', all.fsWrite],
    ['ru_inblock', all.fsRead],
    ['ru_msgsnd', all.ipcSent],
    ['ru_msgrcv', all.ipcReceived],
    ['ru_maxrss', all.maxRSS],
    ['ru_ixrss', all.sharedMemorySize],
    ['ru_idrss', all.unsharedDataSize],
    ['ru_minflt', all.minorPageFault],
    ['ru_majflt', all.majorPageFault],
    ['ru_nsignals', all.signalsCount],
    ['ru_nvcsw', all.voluntaryContextSwitches],
    ['ru_nivcsw', all.involuntaryContextSwitches],
    ['ru_nswap', all.swappedOut],
    ['ru_utime.tv_usec', user % 1_000_000],
    ['ru_utime.tv_sec', Math.floor(user / 1_000_000)],
    ['ru_stime.tv_usec', system % 1_000_000],
    ['ru_stime.tv_sec', Math.floor(system / 1_000_000)],
  ];
  return new Map(figures.map(([name, value]) => [name, ofChildren ? 0 : value]));
}

/** services(5): the first line with the port. */
function serviceName(port: number, protocol = ''): PhpValue {
  for (const line of readLines('/etc/services')) {
    const [name = '', place] = line.replace(/#.*/, '').split(/\s+/);
    if (place === `${port}/${protocol}`) return name;
  }
  return false;
}

function readLines(path: string): string[] {
  try {
    return readFileSync(path, 'latin1').split('\n');
  } catch {
    return [];
  }
}

/** The address itself if it has no name. */
async function hostOf(address: string): Promise<string> {
  try {
    return (await lookupService(address, 0)).hostname;
  } catch {
    return address;
  }
}

/** Converts a user or group name to a number: the engine's C library has no user database. */
function withIds(engine: Engine, own: CFunction, idOf: (name: string) => number | undefined): PhpFunction {
  return (frame, result) => {
    const place = argument(frame, 1);
    const name = argumentCount(engine, frame) > 1 ? readString(engine, place) : undefined;
    // As in PHP, digits in a string are a name.
    const id = name === undefined || isNumericId(name) ? undefined : idOf(name);
    if (id !== undefined) replaceValue(engine, place, id);
    own(frame, result);
  };
}
