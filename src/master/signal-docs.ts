/** The signal table as Markdown, for docs/operations.md. */

import { signalTable } from './signals.ts';

export function signalsMarkdown(): string {
  const rows = signalTable.map(({ signal, help }) => `| ${signal.slice(3)} | ${help} |`);
  return ['', '| signal | effect |', '|---|---|', ...rows, '', ''].join('\n');
}
