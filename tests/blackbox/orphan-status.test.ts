/**
 * The status page while there is no master: in each format it is the page of the master that was killed, its figures go on
 * with further requests, and the next master goes on from them.
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { statusFormats } from '../../src/status/select.ts';
import { pageParams, type Reply, request, scriptParams } from '../harness/fastcgi.ts';
import type { TestFolder } from '../harness/folder.ts';
import { Masters } from '../harness/masters.ts';
import { poolText } from '../harness/pool.ts';
import type { EngineName } from '../harness/server.ts';
import { poll } from '../harness/waiting.ts';
import { nativeBuild } from '../native/built-engine.ts';

const engines: readonly { readonly engine: EngineName; readonly skip: string | false }[] = [
  { engine: 'embedded', skip: false },
  { engine: 'native', skip: nativeBuild().skip },
];

const queries = statusFormats.flatMap((format) => [format, `full&${format}`, `${format}=1&full=no`]);

/** Texts of a request that each format has to escape, of bytes that are no UTF-8 as well. */
const nasty = {
  QUERY_STRING: `a=<b>&"'\\/\x1b[2J\xff\xe2\x80\xa8\xf0\x9f\x92\xa9&json`,
  SCRIPT_NAME: '/gated.php/<i>',
  REMOTE_USER: 'nobody',
};

/** Runs until the file is there. */
const gated = (gate: string): string =>
  `<?php while (!file_exists('${gate}')) { clearstatcache(); usleep(5000); } echo 'over';`;

/** Numbers that go on by themselves, and those that the questions for the pages raise. */
const moving =
  /(start[ -]since|accepted[ -]conn|accepted_connections|start_since|requests|request[ -]duration)("?[:>]| ) *\d+/gi;

/** The parts of an answer that must not differ. */
function steady({ status, headers, body }: Reply): string {
  return `${status}\n${JSON.stringify([...headers])}\n${body
    .toString('utf8')
    .replace(moving, '$1$2N')
    .replace(/(<tr><th>(?:start since|accepted conn)<\/th><td>)\d+/g, '$1N')
    .replace(/<tr>(?:<td>[^\n]*<\/td>)<\/tr>/g, steadyRow)}`;
}

/** A process in html: start since, requests and request duration are its fourth to sixth cell. */
function steadyRow(row: string): string {
  const cells = row.split('</td>');
  return cells.map((cell, index) => (index >= 3 && index <= 5 ? '<td>N' : cell)).join('</td>');
}

type Page = Readonly<Record<string, unknown>> & {
  readonly processes: readonly Readonly<Record<string, unknown>>[];
};

async function pageOf(masters: Masters): Promise<Page> {
  const { status, body } = await request(masters.socket(), pageParams('/status', 'json&full'));
  assert.equal(status, 200);
  return JSON.parse(body.toString('utf8'));
}

const figure = (page: Readonly<Record<string, unknown>>, name: string): number => Number(page[name]);

function pool(to: TestFolder, more = ''): string {
  return poolText(to, 'www', `pm.max_children = 2\npm.status_path = /status\n${more}`);
}

for (const { engine, skip } of engines) {
  suite(engine, { skip, concurrency: 1 }, () => {
    test('each page is that of the killed master, and numbers go on, also with the next one', async () => {
      await using masters = new Masters(engine, (to) => pool(to, 'request_slowlog_timeout = 0'));
      const gate = masters.folder.join('tmp/gate');
      const script = masters.folder.write('www/gated.php', gated(gate));
      const short = scriptParams(masters.folder.write('www/short.php', '<?php echo "short";'));
      const told = scriptParams(
        masters.folder.write(
          'www/told.php',
          '<?php echo json_encode(fpm_get_status(), JSON_INVALID_UTF8_SUBSTITUTE);',
        ),
      );
      const first = await masters.start();
      await poll('workers', async () => (await masters.pool()).workers.length === 2 || undefined, 30_000);
      const long = request(masters.socket(), { ...scriptParams(script), ...nasty }, '', 60_000);
      long.catch(() => undefined);
      await poll(
        'the long request',
        async () => (await pageOf(masters)).processes.some(({ state }) => state === 'Running') || undefined,
      );
      // One worker has it, so the other one answers everything else.
      await poll('it', async () =>
        /gated\.php/.test(JSON.stringify((await pageOf(masters)).processes)) ? true : undefined,
      );
      const ask = (query: string) => request(masters.socket(), pageParams('/status', query));
      const toldOf = async () => JSON.parse((await request(masters.socket(), told)).body.toString());
      // The highest memory use is known from here on, and what the master publishes once a second.
      await poll('a look of the master', async () => (await toldOf())['listen-queue-len'] > 0 || undefined);
      try {
        const earlier: string[] = [];
        for (const query of queries) earlier.push(steady(await ask(query)));
        const head = await request(masters.socket(), {
          ...pageParams('/status', 'json'),
          REQUEST_METHOD: 'HEAD',
        });
        const toldBefore = await toldOf();
        const before = await pageOf(masters);
        await masters.kill(first);

        for (const [index, query] of queries.entries())
          assert.equal(steady(await ask(query)), earlier[index]);
        const lonelyHead = await request(masters.socket(), {
          ...pageParams('/status', 'json'),
          REQUEST_METHOD: 'HEAD',
        });
        assert.deepEqual(
          [lonelyHead.status, lonelyHead.headers, lonelyHead.body.length],
          [head.status, head.headers, 0],
        );

        for (let round = 0; round < 5; round += 1)
          assert.equal((await request(masters.socket(), short)).body.toString(), 'short');
        const toldMeanwhile = await toldOf();
        const meanwhile = await pageOf(masters);
        const asked = queries.length + 1 + 5;
        assert.equal(figure(toldMeanwhile, 'accepted-conn'), figure(before, 'accepted conn') + asked + 1);
        assert.equal(figure(meanwhile, 'accepted conn'), figure(before, 'accepted conn') + asked + 2);
        assert.deepEqual(Object.keys(toldMeanwhile), Object.keys(toldBefore));
        assert.deepEqual(Object.keys(toldMeanwhile.procs[0]), Object.keys(toldBefore.procs[0]));
        assertSame(toldBefore, toldMeanwhile, ['start-since', 'accepted-conn', 'memory-peak', 'procs']);
        assertSame(before, meanwhile, ['start since', 'accepted conn', 'memory peak', 'processes']);
        const pids = (page: Page) => page.processes.map(({ pid }) => pid);
        assert.deepEqual(pids(meanwhile), pids(before));

        const second = await masters.start();
        const after = await pageOf(masters);
        assert.equal(figure(after, 'accepted conn'), figure(meanwhile, 'accepted conn') + 1);
        // The next master listens again, with the configured length: Node has listened with another one.
        const others = engine === 'embedded' ? ['listen queue len'] : [];
        assertSame(meanwhile, after, ['start since', 'accepted conn', 'memory peak', 'processes', ...others]);
        assert.deepEqual(pids(after), pids(before));
        masters.folder.write('tmp/gate', '');
        assert.equal((await long).body.toString(), 'over');
        await masters.stop(second);
        await masters.gone(10_000);
      } finally {
        masters.folder.write('tmp/gate', '');
      }
    });
  });
}

/** All figures but these are the same. */
function assertSame(
  earlier: Readonly<Record<string, unknown>>,
  later: Readonly<Record<string, unknown>>,
  others: readonly string[],
): void {
  const kept = (page: Readonly<Record<string, unknown>>) =>
    Object.fromEntries(Object.entries(page).filter(([name]) => !others.includes(name)));
  assert.deepEqual(kept(later), kept(earlier));
}
