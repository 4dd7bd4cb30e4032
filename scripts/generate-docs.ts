/**
 * Writes the generated parts of the documentation; with `--check` it writes nothing and fails when one is stale.
 * A row is a file and the function that makes its text from the text that is there.
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { metricsMarkdown } from '../src/admin/metrics-table.ts';
import { findingsMarkdown } from '../src/audit/findings.ts';
import { directivesPage } from '../src/config/docs.ts';
import { checksMarkdown } from '../src/doctor/docs.ts';
import {
  hostMessages,
  keeperMessages,
  keeperOrders,
  masterMessages,
  messageTable,
  templateMessages,
  templateOrders,
  wordList,
} from '../src/engine/message-table.ts';
import { layoutHeader } from '../src/engine/native/layout-header.ts';
import { settingNamesHeader } from '../src/engine/native/setting-names-header.ts';
import { statusFieldsHeader } from '../src/engine/native/status-fields-header.ts';
import { accessFieldsMarkdown } from '../src/log/access-json.ts';
import { signalsMarkdown } from '../src/master/signal-docs.ts';
import { engineSymbolsHeader } from '../src/scoreboard/engine-symbols.ts';
import { layoutTables } from '../src/scoreboard/table.ts';
import { faultsMarkdown, withShortFaults } from '../tests/faults/table.ts';
import { inventoryMarkdown } from './inventory.ts';
import { completionScript, configurationPage, hathiPage } from './man-pages.ts';
import { roomsInShort, roomsMarkdown } from './rooms.ts';

type Generator = (current: string) => string;

/** The files with generated text; add a row for another one. */
export const GENERATED: readonly (readonly [file: string, generate: Generator])[] = [
  ['docs/directives.md', directivesPage],
  ['docs/contract.md', contractPage],
  ['docs/api.md', (page) => replaceBetween(page, 'metrics', metricsMarkdown())],
  ['docs/observability.md', (page) => replaceBetween(page, 'access fields', accessFieldsMarkdown())],
  ['docs/embedded.md', (page) => replaceBetween(page, 'missing', inventoryMarkdown())],
  ['docs/architecture.md', (page) => replaceBetween(page, 'rooms', roomsMarkdown())],
  ['CONTRIBUTING.md', (page) => replaceBetween(page, 'rooms', roomsInShort())],
  ['docs/worker-mode.md', (page) => replaceBetween(page, 'findings', findingsMarkdown())],
  ['docs/doctor.md', (page) => replaceBetween(page, 'checks', checksMarkdown())],
  // Lists of TypeScript that the native engine is compiled with.
  ['native/record/layout.h', layoutHeader],
  ['native/php/symbols.h', engineSymbolsHeader],
  ['native/record/status_fields.h', statusFieldsHeader],
  ['native/shared/setting_names.h', settingNamesHeader],
  ['docs/man/hathi.8', hathiPage],
  ['docs/man/hathi.conf.5', configurationPage],
  ['examples/completion/hathi', completionScript],
  ['docs/operations.md', (page) => replaceBetween(page, 'signals', signalsMarkdown())],
  ['docs/reliability.md', (page) => replaceBetween(page, 'faults', faultsMarkdown())],
  ['README.md', withShortFaults],
];

function contractPage(page: string): string {
  const parts: readonly (readonly [name: string, text: string])[] = [
    ['words', wordList()],
    ['master messages', messageTable(masterMessages)],
    ['host messages', messageTable(hostMessages)],
    ['template orders', messageTable(templateOrders)],
    ['template messages', messageTable(templateMessages)],
    ['keeper orders', messageTable(keeperOrders)],
    ['keeper messages', messageTable(keeperMessages)],
    ['layout', layoutTables()],
  ];
  return parts.reduce((current, [name, text]) => replaceBetween(current, name, text), page);
}

/**
 * Replaces what stands between `<!-- name -->` and `<!-- /name -->`, for pages that are generated in part.
 *
 * @param text whole lines, the last one with its line end
 * @throws Error when the page lacks the markers
 */
export function replaceBetween(page: string, name: string, text: string): string {
  const [open, close] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const start = page.indexOf(open);
  const end = page.indexOf(close, start);
  if (start === -1 || end === -1) throw new Error(`Cannot generate the page: it lacks ${open} and ${close}`);
  return `${page.slice(0, start + open.length)}\n${text}${page.slice(end)}`;
}

/** The files whose text is not what their generator makes; they are written unless `check`. */
export function generate({ check }: { check: boolean }): string[] {
  const stale: string[] = [];
  for (const [file, make] of GENERATED) {
    const path = fileURLToPath(new URL(`../${file}`, import.meta.url));
    const current = read(path);
    const wanted = make(current);
    if (wanted === current) continue;
    stale.push(file);
    if (!check) writeFileSync(path, wanted);
  }
  return stale;
}

/** A page that does not exist yet is empty. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (problem) {
    if ((problem as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw problem;
  }
}

if (import.meta.main) {
  const check = process.argv.includes('--check');
  const stale = generate({ check });
  for (const file of stale)
    console.log(check ? `${file} is stale: run scripts/generate-docs.ts` : `wrote ${file}`);
  if (check && stale.length > 0) process.exitCode = 1;
}
