/** All workloads, in the order in which they run. */
import type { Workload } from '../lib/workload.ts';
import { cpu } from './cpu.ts';
import { dokuWiki } from './dokuwiki.ts';
import { helloWorld } from './hello-world.ts';
import { installSize } from './install-size.ts';
import { isolation } from './isolation.ts';
import { memory } from './memory.ts';
import { nativeBodies } from './native-bodies.ts';
import { nativeDokuWiki } from './native-dokuwiki.ts';
import { nativeDirect, nativeHello } from './native-hello.ts';
import { nativeMemory } from './native-memory.ts';
import { nativeRequests } from './native-requests.ts';
import { nativeStart } from './native-start.ts';
import { nativeWorkerLife } from './native-worker-life.ts';
import { nativeWorkerMode } from './native-worker-mode.ts';
import { observability } from './observability.ts';
import { overloaded } from './overload.ts';
import { pools } from './pools.ts';
import { onePool, poolsChanged, poolsDynamic, poolsOpcache } from './pools-more.ts';
import { profiling } from './profile.ts';
import { recycling } from './recycling.ts';
import { reload } from './reload.ts';
import { response } from './response.ts';
import { serveStart } from './serve-start.ts';
import { upgrades } from './upgrade.ts';
import { upload } from './upload.ts';
import { uploadMemory } from './upload-memory.ts';
import { workerBoot } from './worker-boot.ts';

export const workloads: readonly Workload[] = [
  helloWorld,
  isolation,
  cpu,
  dokuWiki,
  upload,
  uploadMemory,
  response,
  memory,
  workerBoot,
  serveStart,
  recycling,
  observability,
  profiling,
  overloaded,
  reload,
  upgrades,
  installSize,
  nativeHello,
  nativeRequests,
  nativeDirect,
  nativeBodies,
  nativeDokuWiki,
  nativeMemory,
  nativeStart,
  nativeWorkerMode,
  nativeWorkerLife,
  ...pools,
  onePool,
  poolsDynamic,
  poolsOpcache,
  poolsChanged,
];
