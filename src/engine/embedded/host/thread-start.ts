/** Starts a worker thread. */

import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import { programModule } from '../../../runtime/module.ts';
import { Interrupts } from '../php/interrupts.ts';
import { enlargeStacks } from '../php/main-stack.ts';
import type { EnginePackage } from '../php/package.ts';
import { type Note, type SyncQuestion, sharedWord, type ThreadSettings } from '../shared/protocol.ts';
import { fpmStatus } from './fpm-status.ts';
import type { MasterLink } from './master-link.ts';
import type { PoolSettings } from './pool-settings.ts';
import { bootProgram, type ProgramImage, readProgram } from './program-image.ts';
import type { StartThread } from './worker-handle.ts';

/** Common parts of all threads of a host. */
export interface ThreadBlueprint {
  readonly settings: PoolSettings;
  readonly engine: EnginePackage;
  readonly module: WebAssembly.Module;
  /** Result of {@link readThreadProgram}. */
  readonly program: ProgramImage;
  /** Files of loadable extensions, by name. */
  readonly extensions: ReadonlyMap<string, Uint8Array>;
  readonly phpIni: string;
  readonly link: MasterLink;
}

/** Reads the program of the threads, from the room `thread`, as source or compiled; before rights are given up. */
export function readThreadProgram({ loaderPath }: EnginePackage): ProgramImage {
  return readProgram(programModule('engine/embedded/thread/thread'), loaderPath);
}

/** The host replaces an oversized worker by a warm one; recycling in the thread would delay the next request. */
const neverInThread = Number.MAX_SAFE_INTEGER;

/** MB for short-lived objects of a thread's JavaScript, of which there are few; V8's default costs 7 MB more. */
const youngGeneration = 8;

/** @returns the function that starts threads; call this once a host, because it uses Node's inspector. */
export function threadStarter(blueprint: ThreadBlueprint): StartThread {
  const { settings, engine, module, program, extensions, phpIni, link } = blueprint;
  const boot = bootProgram();
  enlargeStacks();
  const interrupts = new Interrupts();
  let image: SharedArrayBuffer | undefined;
  return (threadNumber, shared) => {
    const { port1, port2 } = new MessageChannel();
    const workerData: ThreadSettings & { readonly program: ProgramImage } = {
      program,
      extensions,
      threadNumber,
      phpVersion: engine.version,
      module,
      loaderPath: engine.loaderPath,
      phpIni,
      phpIniFiles: settings.phpIniFiles,
      phpValue: settings.phpValue,
      phpAdminValue: settings.phpAdminValue,
      env: settings.env,
      isolation: settings.isolation,
      heapLimit: neverInThread,
      hardLimit: settings.maxMemoryHard,
      image,
      shared,
      syncPort: port2,
    };
    const worker = new Worker(boot, {
      eval: true,
      workerData,
      transferList: [port2],
      resourceLimits: { maxYoungGenerationSizeMb: youngGeneration },
      name: `php ${threadNumber}`,
    });
    port1.on('message', (message: SyncQuestion | Note) => {
      if (message.type === 'image') image ??= message.image;
      else void answer(port1, shared, link);
    });
    port1.unref();
    worker.on('exit', () => port1.close());
    return Object.assign(worker, { checkTimeLimit: () => interrupts.check(worker) });
  };
}

/** The thread blocks until the answer or its time limit. */
async function answer(port: MessagePort, shared: SharedArrayBuffer, link: MasterLink): Promise<void> {
  const reply = await link.askStatus('json&full');
  port.postMessage(reply?.status === 200 ? { json: statusOf(reply.bytes) } : {});
  const words = new Int32Array(shared);
  Atomics.add(words, sharedWord.syncReply, 1);
  Atomics.notify(words, sharedWord.syncReply);
}

function statusOf(page: Uint8Array): string {
  const text = Buffer.from(page).toString('utf8');
  return fpmStatus(text.slice(text.indexOf('{')));
}
