/** A page of a real application: DokuWiki showing its own description of its syntax, from a warm cache. */
import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { copyDokuWiki } from '../../tests/harness/applications.ts';
import { requires } from '../../tests/harness/debian.ts';
import type { TestFolder } from '../../tests/harness/folder.ts';
import { poolText } from '../../tests/harness/pool.ts';
import { Pair } from '../lib/pair.ts';
import { requestBytes, sendStream } from '../lib/requests.ts';
import type { Workload } from '../lib/workload.ts';

const samplePage = '/var/lib/dokuwiki/data/pages/wiki/syntax.txt';

/** Copies DokuWiki and does what its installer would: a configuration without accounts, and a page. */
export function installDokuWiki(folder: TestFolder): void {
  const root = copyDokuWiki(folder);
  folder.write(
    'www/wiki/conf/local.php',
    `<?php $conf['title'] = 'The herd'; $conf['useacl'] = 0; $conf['basedir'] = '/';`,
  );
  mkdirSync(join(root, 'data/pages/wiki'), { mode: 0o777 });
  copyFileSync(samplePage, join(root, 'data/pages/wiki/syntax.txt'));
}

/** A visitor's request for that page. */
export function dokuWikiRequest(folder: TestFolder, keep = true): Buffer {
  const query = 'id=wiki:syntax';
  const params = { QUERY_STRING: query, REQUEST_URI: `/doku.php?${query}` };
  return requestBytes(folder.join('www/wiki/doku.php'), { params, keep });
}

/** How its pages end. */
export const dokuWikiEnding = '</html>\n';

/** This DokuWiki is older than PHP 8.4: it would show notices of deprecation in its pages, and log them. */
export const dokuWikiPool = 'php_admin_flag[display_errors] = off\nphp_admin_flag[log_errors] = off';

export const dokuWiki: Workload = {
  name: 'dokuwiki',
  title: 'DokuWiki page, warm, one client',
  obstacle: () => requires('dokuwiki') || undefined,
  async measure({ rounds, seconds }) {
    await using pair = await Pair.start((folder) => poolText(folder, 'www', dokuWikiPool), installDokuWiki);
    const result = await pair.compare(rounds, async (server) => {
      const request = dokuWikiRequest(server.folder);
      const stream = {
        socket: server.socket(),
        request,
        ending: dokuWikiEnding,
        clients: 1,
        keep: true,
        seconds,
      };
      return { page: (await sendStream(stream)).median };
    });
    return [
      {
        label: 'page wiki:syntax, 32 MB OPcache in memory',
        unit: 'ms',
        ...result.page,
        target: { of: 'ratio', limit: 'at most', value: 4.5 },
      },
    ];
  },
};
