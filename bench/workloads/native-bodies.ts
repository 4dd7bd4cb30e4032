/** The native engine and larger bodies, through nginx. */
import { poolText } from '../../tests/harness/pool.ts';
import { Front } from '../lib/front.ts';
import { Pair } from '../lib/pair.ts';
import type { Workload } from '../lib/workload.ts';
import { sendWebLoad, withoutWebLoad } from '../lib/wrk.ts';

const kibibyte = 1024;
const connections = 4;

export const nativeBodies: Workload = {
  name: 'native-bodies',
  title: 'Native engine: bodies through nginx, 4 connections, 4 workers',
  obstacle: withoutWebLoad,
  async measure({ rounds, seconds }) {
    await using pair = await Pair.start(
      (folder) => poolText(folder, 'www', 'pm.max_children = 4'),
      (folder) => {
        folder.write('www/small.php', `<?php echo str_repeat('x', ${100 * kibibyte});`);
        folder.write('www/large.php', `<?php echo str_repeat('x', ${1024 * kibibyte});`);
        folder.write('www/post.php', '<?php echo strlen(file_get_contents("php://input"));');
      },
      'native',
    );
    await using front = await Front.start(pair.servers, { web: { pool: 'www', root: 'www' } });
    const result = await pair.compare(rounds, async (server) => {
      const rate = async (script: string, body?: number): Promise<number> => {
        const load = { url: front.url(server, 'web', script), connections, seconds };
        return (await sendWebLoad(body === undefined ? load : { ...load, body })).perSecond;
      };
      return {
        small: await rate('small.php'),
        large: await rate('large.php'),
        post: await rate('post.php', 100 * kibibyte),
      };
    });
    const target = (value: number) => ({ of: 'ratio', limit: 'at least', value }) as const;
    return [
      { label: 'response of 100 KB', unit: 'req/s', ...result.small, target: target(1.15) },
      { label: 'response of 1 MB', unit: 'req/s', ...result.large, target: target(1.1) },
      { label: 'POST of 100 KB', unit: 'req/s', ...result.post, target: target(1.05) },
    ];
  },
};
