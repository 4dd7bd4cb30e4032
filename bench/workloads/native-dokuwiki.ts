/** The native engine and a page of a real application, through nginx. */
import { requires } from '../../tests/harness/debian.ts';
import { poolText } from '../../tests/harness/pool.ts';
import { Front } from '../lib/front.ts';
import { Pair } from '../lib/pair.ts';
import type { Workload } from '../lib/workload.ts';
import { sendWebLoad, type WebRate, withoutWebLoad } from '../lib/wrk.ts';
import { dokuWikiPool, installDokuWiki } from './dokuwiki.ts';

export const nativeDokuWiki: Workload = {
  name: 'native-dokuwiki',
  title: 'Native engine: DokuWiki page through nginx, 4 workers',
  obstacle: () => withoutWebLoad() ?? (requires('dokuwiki') || undefined),
  async measure({ rounds, seconds }) {
    await using pair = await Pair.start(
      (folder) => poolText(folder, 'www', `pm.max_children = 4\n${dokuWikiPool}`),
      installDokuWiki,
      'native',
    );
    await using front = await Front.start(pair.servers, { web: { pool: 'www', root: 'www/wiki' } });
    const result = await pair.compare(rounds, async (server) => {
      const url = front.url(server, 'web', 'doku.php?id=wiki:syntax');
      const pages = (connections: number): Promise<WebRate> => sendWebLoad({ url, connections, seconds });
      const [one, few, many] = [await pages(1), await pages(4), await pages(50)];
      return {
        one: one.perSecond,
        oneSlow: one.p99,
        few: few.perSecond,
        fewSlow: few.p99,
        many: many.perSecond,
        manySlow: many.p99,
      };
    });
    const target = { of: 'ratio', limit: 'at least', value: 1 } as const;
    const slow = { of: 'ratio', limit: 'at most', value: 1.05 } as const;
    return [
      { label: '1 connection', unit: 'req/s', ...result.one, target },
      { label: '4 connections', unit: 'req/s', ...result.few, target },
      { label: '50 connections', unit: 'req/s', ...result.many, target },
      { label: '1 connection, p99', unit: 'ms', ...result.oneSlow, target: slow },
      { label: '4 connections, p99', unit: 'ms', ...result.fewSlow, target: slow },
      { label: '50 connections, p99', unit: 'ms', ...result.manySlow, target: slow },
    ];
  },
};
