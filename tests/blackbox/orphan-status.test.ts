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
import { freePort } from '../harness/web-server.ts';
import { nativeBuild } from '../native/built-engine.ts';

const engines: readonly { readonly engine: EngineName; readonly skip: string | false }[] = [
  { engine: 'embedded', skip: false },
  { engine: 'native', skip: nativeBuild().skip },
];

const skipRoot = process.getuid?.() === 0 ? false : 'needs root';

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

/**
 * Numbers that go on by themselves, and those that the questions for the pages raise: a look at the backlog may find one
 * that is on its way.
 */
const moving =
  /(start[ -]since|accepted[ -]conn|accepted_connections|start_since|(?<!slow[ _-])requests(?:[ -]since[ -]boot)?|request[ -]duration|(?:max[ _-])?listen[ _-]queue)("?[:>]| ) *\d+/gi;

/** The parts of an answer that must not differ. */
function steady({ status, headers, body }: Reply): string {
  return `${status}\n${JSON.stringify([...headers])}\n${body
    .toString('utf8')
    .replace(moving, '$1$2N')
    .replace(/(<tr><th>(?:start since|accepted conn|(?:max )?listen queue)<\/th><td>)\d+/g, '$1N')
    .replace(/<tr>(?:<td>[^\n]*<\/td>)<\/tr>/g, steadyRow)}`;
}

/** A process in html: start since, requests, request duration and requests since boot are these cells. */
const movingCells: readonly number[] = [3, 4, 5, 15];

function steadyRow(row: string): string {
  const cells = row.split('</td>');
  return cells.map((cell, index) => (movingCells.includes(index) ? '<td>N' : cell)).join('</td>');
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
  const size = more.includes('pm.max_children') ? '' : 'pm.max_children = 2\n';
  return poolText(to, 'www', `${size}pm.status_path = /status\n${more}`);
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
        assertSame(toldBefore, toldMeanwhile);
        assertSame(before, meanwhile);
        const pids = (page: Page) => page.processes.map(({ pid }) => pid);
        assert.deepEqual(pids(meanwhile), pids(before));

        const second = await masters.start();
        const after = await pageOf(masters);
        assert.equal(figure(after, 'accepted conn'), figure(meanwhile, 'accepted conn') + 1);
        // The next master listens again, with the configured length: Node has listened with another one.
        assertSame(meanwhile, after, engine === 'embedded' ? ['listen queue len'] : []);
        assert.deepEqual(pids(after), pids(before));
        masters.folder.write('tmp/gate', '');
        assert.equal((await long).body.toString(), 'over');
        await masters.stop(second);
        await masters.gone(10_000);
      } finally {
        masters.folder.write('tmp/gate', '');
      }
    });

    test('a question that the killed master left open is answered', async () => {
      await using masters = new Masters(engine, (to) => pool(to));
      const first = await masters.start();
      await poll('workers', async () => (await masters.pool()).workers.length === 2 || undefined, 30_000);
      const before = await pageOf(masters);
      first.child.kill('SIGSTOP');
      const open = [
        pageOf(masters),
        request(masters.socket(), pageParams('/status', 'openmetrics')),
      ] as const;
      for (const one of open) one.catch(() => undefined);
      // Whatever has not come to the host by then is answered by it as well.
      await masters.kill(first);
      const [page, metrics] = await Promise.all(open);
      assert.equal(page['pool'], before['pool']);
      assert.match(metrics.body.toString(), /^phpfpm_up 1\n/m);
      assert.equal((await pageOf(masters)).processes.length, 2);
    });

    test('a full pool answers, and tells how many wait, also the next master', async () => {
      await using masters = new Masters(engine, (to) => pool(to, 'pm.max_children = 1'));
      const gate = masters.folder.join('tmp/gate');
      const params = scriptParams(masters.folder.write('www/gated.php', gated(gate)));
      const first = await masters.start();
      await poll('a worker', async () => (await masters.pool()).workers.length === 1 || undefined, 30_000);
      await masters.kill(first);
      const waiting = Array.from({ length: 4 }, () => request(masters.socket(), params, '', 60_000));
      for (const one of waiting) one.catch(() => undefined);
      try {
        const page = await poll('their number', async () => {
          const now = await pageOf(masters);
          return figure(now, 'listen queue') === 3 ? now : undefined;
        });
        assert.deepEqual(
          ['active processes', 'idle processes', 'total processes'].map((name) => figure(page, name)),
          [1, 0, 1],
        );
        assert.ok(figure(page, 'max listen queue') >= 3);
        const second = await masters.start();
        assert.ok(figure(await pageOf(masters), 'max listen queue') >= figure(page, 'max listen queue'));
        masters.folder.write('tmp/gate', '');
        for (const one of waiting) assert.equal((await one).body.toString(), 'over');
        await masters.stop(second);
        await masters.gone(10_000);
      } finally {
        masters.folder.write('tmp/gate', '');
      }
    });

    test('the time is that of the master, in a chroot as well', { skip: skipRoot }, async () => {
      await using masters = new Masters(engine, (to) =>
        pool(to, `chroot = ${to.path}\nenv[TZ] = Asia/Kathmandu`),
      );
      const first = await masters.start(30_000, { TZ: 'America/St_Johns' });
      await poll('workers', async () => (await masters.pool()).workers.length === 2 || undefined, 30_000);
      const startOf = async (query: string) => {
        const { body } = await request(masters.socket(), pageParams('/status', query));
        return /start time.{0,20}?(\d+\/[^<\n]*)/.exec(body.toString())?.[1] ?? '';
      };
      const earlier = await startOf('html');
      assert.match(earlier, / -0330$/);
      await masters.kill(first);
      assert.equal(await startOf('html'), earlier);
      assert.equal(await startOf(''), earlier);
      const second = await masters.start();
      await masters.stop(second);
      await masters.gone(10_000);
    });

    test('TCP and worker mode', async () => {
      const port = await freePort();
      await using masters = new Masters(engine, (to) => {
        const app = to.write(
          'www/app.php',
          '<?php while (hathi_handle_request(function () { echo "app"; })) {}',
        );
        return pool(to, `listen = 127.0.0.1:${port}\npm.max_children = 1\nworker.script = ${app}`);
      });
      const first = await masters.start();
      const address = { host: '127.0.0.1', port };
      const ask = (query: string) => request(address, pageParams('/status', query));
      const app = scriptParams(masters.folder.join('www/app.php'));
      await poll('the application', async () => {
        const reply = await request(address, app);
        return reply.body.toString() === 'app' || undefined;
      });
      const earlier = [];
      for (const query of queries) earlier.push(steady(await ask(query)));
      await masters.kill(first);
      for (const [index, query] of queries.entries()) assert.equal(steady(await ask(query)), earlier[index]);
      assert.equal((await request(address, app)).body.toString(), 'app');
      const second = await masters.start();
      await masters.stop(second);
      await masters.gone(10_000);
    });
  });
}

/** Figures, by the names of the page, that go on or are of the moment. */
const goOn = ['start since', 'accepted conn', 'memory peak', 'listen queue', 'max listen queue', 'processes'];

/** All figures but these and `others` are the same, and the longest backlog is not forgotten. */
function assertSame(
  earlier: Readonly<Record<string, unknown>>,
  later: Readonly<Record<string, unknown>>,
  others: readonly string[] = [],
): void {
  const left = [...goOn, 'procs', ...others];
  const kept = (page: Readonly<Record<string, unknown>>) =>
    Object.fromEntries(Object.entries(page).filter(([name]) => !left.includes(name.replaceAll('-', ' '))));
  assert.deepEqual(kept(later), kept(earlier));
  const longest = (page: Readonly<Record<string, unknown>>) =>
    Number(page['max listen queue'] ?? page['max-listen-queue']);
  assert.ok(longest(later) >= longest(earlier), `${longest(earlier)}, then ${longest(later)}`);
}
