/**
 * Entry of the embedded engine's host process: `node host.ts`, with the descriptors of docs/contract.md. Only the
 * master starts it.
 */

import { writeSync } from 'node:fs';
import { mapLargeAllocations } from '../../../posix/memory.ts';
import { mappedBytes } from '../shared/buffers.ts';
import { EngineHost } from './engine-host.ts';

// A fault of the host itself: an orderly exit would wait for threads that may hang, and the master starts another host.
process.on('uncaughtException', (error) => {
  writeSync(2, `hathi engine host: ${error.stack ?? error}\n`);
  process.kill(process.pid, 'SIGKILL');
});

// The master decides about a signal to the whole process group (Ctrl-C).
for (const signal of ['SIGINT', 'SIGQUIT', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const) {
  process.on(signal, () => {});
}

mapLargeAllocations(mappedBytes);

new EngineHost();
