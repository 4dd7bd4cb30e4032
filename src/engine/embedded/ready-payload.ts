/** What `ready` tells the master about the engine. */

import { basename } from 'node:path';
import { securityWarning } from './security.ts';
import type { UpMessage } from './worker-handle.ts';

/** `key=value` lines of docs/contract.md. A warning about an extension that is built in helps nobody. */
export function readyPayload(
  facts: UpMessage,
  { warnings, isExposed }: { readonly warnings: readonly string[]; readonly isExposed: boolean },
): Buffer {
  const extensions = [...new Set([...facts.extensions, ...facts.zendExtensions])];
  const builtIn = new Set(extensions.map((name) => name.toLowerCase()));
  const isNews = (warning: string): boolean => {
    const file = /extension "([^"]*)"/.exec(warning)?.[1] ?? '';
    return !builtIn.has(basename(file, '.so').toLowerCase()) && basename(file, '.so') !== 'opcache';
  };
  const security = securityWarning(facts.php);
  const lines = [
    'engine=embedded',
    `php=${facts.php}`,
    'sapi=fpm-fcgi',
    `detail=PHP ${facts.php} compiled to WebAssembly, worker threads on Node ${process.versions.node}`,
    `expose_php=${isExposed ? '1' : '0'}`,
    ...extensions.map((name) => `extension=${name}`),
    ...[...warnings.filter(isNews), ...(security === undefined ? [] : [security])].map(
      (warning) => `warning=${warning.replaceAll('\n', ' ')}`,
    ),
  ];
  return Buffer.from(`${lines.join('\n')}\n`);
}
