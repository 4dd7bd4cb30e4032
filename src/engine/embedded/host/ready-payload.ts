/** The engine's facts in `ready` for the master. */

import { basename } from 'node:path';
import { securityWarning } from './security.ts';
import type { UpMessage } from './worker-handle.ts';

/** Without the useless warnings about built-in extensions. */
export function newsOf(warnings: readonly string[], extensions: readonly string[]): string[] {
  const builtIn = new Set(['opcache', ...extensions.map((name) => name.toLowerCase())]);
  return warnings.filter((warning) => {
    const file = /extension "([^"]*)"/.exec(warning)?.[1] ?? '';
    return !builtIn.has(basename(file, '.so').toLowerCase());
  });
}

/** `key=value` lines of docs/contract.md. */
export function readyPayload(
  facts: UpMessage,
  { warnings, isExposed }: { readonly warnings: readonly string[]; readonly isExposed: boolean },
): Buffer {
  const extensions = [...new Set([...facts.extensions, ...facts.zendExtensions])];
  const security = securityWarning(facts.php);
  const lines = [
    'engine=embedded',
    `php=${facts.php}`,
    'sapi=fpm-fcgi',
    `detail=PHP ${facts.php} compiled to WebAssembly, worker threads on Node ${process.versions.node}`,
    `expose_php=${isExposed ? '1' : '0'}`,
    ...extensions.map((name) => `extension=${name}`),
    ...[...newsOf(warnings, extensions), ...(security === undefined ? [] : [security])].map(
      (warning) => `warning=${warning.replaceAll('\n', ' ')}`,
    ),
  ];
  return Buffer.from(`${lines.join('\n')}\n`);
}
