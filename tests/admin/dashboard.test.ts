/** The dashboard: its files, and the page in a real browser on a real master. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { connect } from 'node:net';
import { after, before, suite, test } from 'node:test';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { brokenPhp } from '../harness/broken-php.ts';
import { openBrowser } from '../harness/browser.ts';
import { requires } from '../harness/debian.ts';
import { request, scriptParams } from '../harness/fastcgi.ts';
import type { TestFolder } from '../harness/folder.ts';
import { poolText } from '../harness/pool.ts';
import { type Server, startServer } from '../harness/server.ts';
import { poll } from '../harness/waiting.ts';
import { freePort } from '../harness/web-server.ts';
import { nativeBuild } from '../native/built-engine.ts';
import { type AdminReply, askAdmin } from './client.ts';

const token = 'a-token-of-this-test';
/** For what the page is to show, ms; on a machine at rest it takes two seconds at most. */
const cap = 20_000;
/** A file may be called so, and a client may ask for it: markup, and a mark that turns the reading direction. */
const hostile = '<img src=x onerror=alert(1)>\u202e.php';

/** `more` goes into the [global] section, which the harness has begun. */
function pools(folder: TestFolder, more = ''): string {
  const www = `pm.max_children = 2\nrequest_slowlog_timeout = 1s\nslowlog = ${folder.join('log/slow.log')}`;
  return `${more}${poolText(folder, 'www', www)}${poolText(folder, 'shop')}`;
}

/** A pool that cannot start. */
function lostPool(folder: TestFolder): string {
  return poolText(folder, 'lost', brokenPhp(folder));
}

/** Runs until its mark is removed. */
const slowScript = `<?php
namespace Shop;
class Cart { static function total(string $mark) { while (file_exists($mark)) { usleep(2000); clearstatcache(); } } }
Cart::total($_SERVER['MARK']);
`;
const engine = nativeBuild().skip === false ? 'native' : 'embedded';

suite('the dashboard', { skip: requires('chromium') }, () => {
  let server: Server;
  let browser: Browser;
  let port: number;
  let url: string;

  before(async () => {
    port = await freePort();
    url = `http://127.0.0.1:${port}/`;
    [server, browser] = await Promise.all([
      startServer({
        engine,
        global: `admin.listen = 127.0.0.1:${port}\nadmin.token = ${token}`,
        pools,
        expected: [
          ...[/reload refused/, /unknown entry/, /failed to load|Unable to include/],
          ...[
            /executing too slow/,
            /'slowlog' is limited/,
            /no PHP stack in the slow log/,
            /pool lost\] cannot start/,
          ],
        ],
      }),
      openBrowser(),
    ]);
  });

  after(async () => {
    await browser?.close();
    await server?.stop().finally(() => server[Symbol.asyncDispose]());
  });

  function ask(path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<AdminReply> {
    return askAdmin({ host: '127.0.0.1', port, path, headers, method });
  }

  const signedIn = { authorization: `Bearer ${token}` };

  /** A page that fails the test when the browser complains or asks another host. */
  async function visit(
    options: BrowserContextOptions,
    fragment: string,
    look: (page: Page) => Promise<void>,
    expected: readonly RegExp[] = [],
  ): Promise<void> {
    const context = await browser.newContext(options);
    const page = await context.newPage();
    const complaints: string[] = [];
    const complain = (text: string) => {
      if (!expected.some((pattern) => pattern.test(text))) complaints.push(text);
    };
    page.on('console', (message) => complain(message.text()));
    page.on('pageerror', (error) => complain(error.message));
    page.on('dialog', (dialog) => complain(dialog.message()));
    page.on('request', (asked) => {
      if (!asked.url().startsWith(url)) complain(asked.url());
    });
    await page.goto(`${url}${fragment}`);
    await look(page);
    await context.close();
    assert.deepEqual(complaints, []);
  }

  /** Text of an element, once it fits. */
  async function says(page: Page, selector: string, pattern: RegExp): Promise<void> {
    await page.locator(selector, { hasText: pattern }).first().waitFor({ state: 'visible', timeout: cap });
  }

  // Most of their time is waiting for the next sample or the next look.
  suite('pages that change nothing', { concurrency: true }, () => {
    test('its files need no token, and nothing in them runs that is not one of them', async () => {
      for (const [path, type] of [
        ['/', /^text\/html/],
        ['/dashboard/main.js', /^text\/javascript/],
        ['/dashboard/style.css', /^text\/css/],
        ['/dashboard/uplot.js', /^text\/javascript/],
      ] as const) {
        const { status, headers, body } = await ask(path, { 'sec-fetch-site': 'cross-site' });
        assert.equal(status, 200, path);
        assert.match(String(headers['content-type']), type);
        assert.match(String(headers['content-security-policy']), /^default-src 'none'; script-src 'self';/);
        assert.match(String(headers['content-security-policy']), /frame-ancestors 'none'/);
        assert.deepEqual(
          [headers['x-frame-options'], headers['x-content-type-options'], headers['referrer-policy']],
          ['DENY', 'nosniff', 'no-referrer'],
        );
        assert.equal(body.includes(token), false);
      }
      assert.doesNotMatch((await ask('/')).body, /<script(?![^>]*src=)|\son\w+=|\sstyle=/i);
      const others = ['/dashboard/', '/dashboard/../package.json', '/dashboard/types.d.ts', '/package.json'];
      for (const path of others) assert.equal((await ask(path, signedIn)).status, 404, path);
      assert.equal((await ask('/', {}, 'POST')).status, 405);
      assert.equal(
        (await ask('/', { host: 'evil.example' })).status,
        403,
        'a name that was made to point here',
      );
    });

    test('pages of other sites get nothing, even with a token', async () => {
      const status = async (headers: Record<string, string>) =>
        (await ask('/api/pools', { ...signedIn, ...headers })).status;
      assert.equal(await status({ 'sec-fetch-site': 'cross-site' }), 403);
      assert.equal(await status({ 'sec-fetch-site': 'same-site' }), 403, 'another port of this machine');
      assert.equal(await status({ origin: 'http://127.0.0.1:1' }), 403);
      assert.equal(await status({ origin: 'null' }), 403);
      assert.equal(await status({ 'sec-fetch-site': 'same-origin', origin: url.slice(0, -1) }), 200);
      assert.equal(await status({ origin: url.slice(0, -1) }), 200);
      assert.equal(await status({}), 200);
    });

    test('the history is asked for by pool and time', async () => {
      assert.equal((await ask('/api/history')).status, 401);
      assert.equal((await ask('/api/history?pool=nobody', signedIn)).status, 404);
      assert.equal((await ask('/api/history?since=yesterday', signedIn)).status, 400);
      const all = await poll('a sample', async () => {
        const answer = JSON.parse((await ask('/api/history?pool=www', signedIn)).body);
        return answer.at?.length > 0 ? answer : undefined;
      });
      assert.deepEqual([all.pool, all.limit[0], all.requestsPerSecond[0]], ['www', 2, null]);
      const none = await ask(`/api/history?pool=www&since=${all.at.at(-1)}`, signedIn);
      assert.deepEqual(JSON.parse(none.body).at, []);
    });

    test('signing in: a wrong token is said to be wrong, the right one opens the page and stays in this tab', async () => {
      await visit(
        {},
        '',
        async (page) => {
          await says(page, '#sign-in h2', /Sign in/);
          assert.equal(await page.evaluate('document.activeElement.id'), 'token');
          await page.keyboard.type('not-the-token-of-it');
          await page.keyboard.press('Enter');
          await says(page, '#sign-in-error', /does not take this token/);
          await page.keyboard.type(token);
          await page.keyboard.press('Enter');
          await says(page, '#pools', /www/);
          assert.equal(await page.locator('#sign-in').isVisible(), false);
          await page.reload();
          await says(page, '#pools', /www/);
          assert.equal(await page.evaluate('document.cookie'), '');
          assert.equal(page.url(), url);
          await page.click('#sign-out');
          await says(page, '#sign-in h2', /Sign in/);
          assert.deepEqual(await page.evaluate('Object.keys(sessionStorage)'), []);
        },
        [/401 \(Unauthorized\)/],
      );
    });

    test('hostile names are text, queries are shown on demand, and a phone needs no sideways scrolling', async () => {
      const script = server.folder.write(`www/${hostile}`, '<?php echo "x";');
      // The client of the tests takes binary strings.
      const binary = (text: string) => Buffer.from(text).toString('latin1');
      const params = scriptParams(binary(script), {
        REQUEST_URI: binary(`/${hostile}?password=hunter2`),
        SCRIPT_NAME: binary(`/${hostile}`),
        QUERY_STRING: 'password=hunter2',
      });
      await request(server.socket(), params);
      await visit({ viewport: { width: 320, height: 700 } }, `#token=${token}`, async (page) => {
        await says(page, '#routes', /GET \/<img src=x onerror=alert\(1\)>\ufffd\.php/);
        await says(page, '#workers', /GET \/<img src=x onerror=alert\(1\)>\ufffd\.php/);
        assert.equal(await page.locator('#views img').count(), 0);
        assert.doesNotMatch((await page.textContent('body')) ?? '', /hunter2/);
        await page.check('#queries');
        await says(page, '#workers', /hunter2/);
        assert.equal(await page.locator('#doctor').isVisible(), false, 'nothing has been told');
        const told = await ask('/api/doctor?warning=memory*12&critical=tcp-open*1', signedIn, 'POST');
        assert.equal(told.status, 200);
        await says(
          page,
          '#doctor',
          /^Doctor, .* ago: critical: tcp-open · warning: memory ×12\. hathi doctor --live/,
        );
        await says(page, '#capacity', /pm = (static|dynamic|ondemand) · pm\.max_children = \d/);

        assert.equal(await page.evaluate('document.documentElement.scrollWidth'), 320);
      });
    });

    test('a master that does not answer is said to be away, and the page comes back by itself', async () => {
      await visit(
        {},
        `#token=${token}`,
        async (page) => {
          await says(page, '#link', /Live/);
          await page.context().setOffline(true);
          await says(page, '#lost', /No answer from the master.*What is shown is from \d/);
          await page.context().setOffline(false);
          await says(page, '#link', /Live/);
          assert.equal(await page.locator('#lost').isVisible(), false);
        },
        [/ERR_INTERNET_DISCONNECTED/],
      );
    });
  });

  test('the token in the address is taken out of it; the keyboard reaches everything; a reload tells how it went', async () => {
    await visit({}, `#token=${token}`, async (page) => {
      await says(page, '#pools', /www/);
      assert.equal(page.url(), url);
      await page.keyboard.press('Tab');
      assert.equal(await page.evaluate('document.activeElement.textContent'), 'Skip to the pools');
      await page.keyboard.press('Enter');
      await page.keyboard.press('Tab');
      await page.keyboard.press('Enter');
      await says(page, '#workers-scope', /pool www/);
      assert.equal(await page.locator('#pools button[aria-pressed=true]').textContent(), 'www');
      assert.equal(await page.locator('#workers tbody tr').count(), 2);
      for (const [selector, isShown] of [
        ['[data-chart=workers]', true],
        ['[data-chart=fullest]', false],
      ] as const)
        assert.equal(await page.locator(selector).isVisible(), isShown, selector);
      for (const head of ['5xx', 'Slow'])
        await says(page, '#pools th', new RegExp(`^${head}since \\d\\d:\\d\\d$`));

      await reach(page, '#workers tbody button');
      await page.keyboard.press('Enter');
      await says(page, '#worker', /Pool\s*www/);
      assert.equal(await page.evaluate('document.activeElement.textContent'), 'Close');
      await page.keyboard.press('Escape');

      server.configure((folder) => pools(folder, 'bogus = 1\n'));
      await reach(page, '#reload');
      await page.setViewportSize({ width: 900, height: 300 });
      await page.evaluate('scrollTo(0, document.body.scrollHeight)');
      await page.keyboard.press('Enter');
      await says(page, '#outcome', /Reload refused/);
      // Wherever the page is scrolled to, also where its head does not stay.
      for (const width of [900, 400]) {
        await page.setViewportSize({ width, height: 300 });
        await page.evaluate('scrollTo(0, document.body.scrollHeight)');
        const { y = -1, height = 0 } = (await page.locator('#outcome b').boundingBox()) ?? {};
        assert.ok(y >= 0 && y + height <= 300, `at ${y} of 300, ${width} wide`);
      }
      await page.setViewportSize({ width: 1280, height: 720 });
      assert.match(
        (await page.textContent('#outcome pre')) ?? '',
        /server\.conf:\d+.*unknown entry 'bogus'/s,
      );
      server.configure((folder) => pools(folder) + lostPool(folder));
      await page.keyboard.press('Enter');
      await says(page, '#outcome', /Reloaded in part/);
      await says(page, '#pools .state', /down: cannot start: .*WebAssembly/);
      const waiting = connect(server.socket('lost'));
      await once(waiting, 'connect');
      const answer = JSON.parse((await ask('/api/pools', signedIn)).body);
      const lost = answer.pools.find(({ name }: { name: string }) => name === 'lost');
      assert.deepEqual([lost.state, lost.queue], ['starting', 1], 'who waits for it is counted');
      waiting.destroy();
      server.configure((folder) => pools(folder));
      await page.keyboard.press('Enter');
      await says(page, '#outcome', /Reloaded at .*in force/);
      await says(page, '#charts-reloads', /▽ refused reload \d.*▽ reload in part \d.*▼ reload \d/);
      await page
        .locator('[data-chart=queue] .plot[aria-label*="refused reload at"]')
        .waitFor({ timeout: cap });
      await reach(page, '#outcome button');
      await page.keyboard.press('Enter');
      assert.equal(await page.locator('#outcome').isVisible(), false);
    });
  });

  /** Presses Tab until the element has the focus. */
  async function reach(page: Page, selector: string): Promise<void> {
    for (let presses = 0; presses < 80; presses += 1) {
      if (await page.evaluate(`document.activeElement.matches(${JSON.stringify(selector)})`)) return;
      await page.keyboard.press('Tab');
    }
    assert.fail(`Tab does not reach ${selector}`);
  }

  test('a slow request is listed with its stack, a worker shows its own now, and a profile is a flame graph', async () => {
    const script = server.folder.write('www/slow.php', slowScript);
    server.folder.mkdir('tmp/marks', 0o777);
    const mark = server.folder.write('tmp/marks/runs', '');
    const running = request(
      server.socket(),
      scriptParams(script, { MARK: mark, SCRIPT_NAME: '/slow.php', REQUEST_URI: '/slow.php' }),
      '',
      4 * cap,
    );
    await visit(
      {},
      `#token=${token}`,
      async (page) => {
        await says(page, '#workers tbody tr', /slow\.php/);
        await page.click('#workers tbody tr:first-child button');
        const stack =
          engine === 'native' ? /Shop\\Cart::total.*slow\.php:[34].*\{main\}/s : /No stack: .*embedded/;
        await says(page, '#worker-stack', stack);
        await page.keyboard.press('Escape');
        await page.locator('#slow summary', { hasText: 'GET /slow.php' }).click();
        await says(page, '#slow details[open]', stack);

        await page.selectOption('#profile-pool', 'www');
        await page.selectOption('#profile-seconds', '1');
        await page.click('#profile-start');
        if (engine === 'native') {
          await says(page, '#profile-said', /\d+ samples/);
          await page.locator('#flame button', { hasText: 'Shop\\Cart::total' }).click();
          await says(page, '#flame-said', /Shop\\Cart::total: \d+/);
          await page.keyboard.press('ArrowUp');
          await says(page, '#flame-said', /\{main\} .*slow\.php/);
          await says(page, '#flame-hot', /Shop\\Cart::total/);
        } else {
          await says(page, '#profile-said', /No profile: .*embedded/);
        }
      },
      [/501 \(Not Implemented\)/],
    ).finally(() => rmSync(server.folder.join('tmp/marks'), { recursive: true }));
    await running;
  });

  // Last, so that the second sample has come by itself: it is the first one with rates.
  test('charts are drawn, in the dark and in the light, and told as text and as a table', async () => {
    await request(server.socket(), scriptParams(server.folder.write('www/one.php', 'one')));
    await visit(
      { colorScheme: 'dark' },
      `#token=${token}`,
      async (page) => {
        const background = () => page.evaluate('getComputedStyle(document.body).backgroundColor');
        assert.equal(await background(), 'rgb(16, 19, 23)');
        const highest = /Requests a second, last 5 minutes. requests: now [\d.]+, highest 0?\.?[\d.]*[1-9]/;
        const plot = page.locator('[data-chart=requests] .plot');
        await poll(
          'a rate',
          async () => (highest.test((await plot.getAttribute('aria-label')) ?? '') ? true : undefined),
          cap,
        );
        assert.ok((await drawnPixels(page, '--line-main')) > 0);
        await page.emulateMedia({ colorScheme: 'light' });
        await poll('the line in the colour of the other scheme', async () =>
          (await drawnPixels(page, '--line-main')) > 0 ? true : undefined,
        );
        assert.equal(await background(), 'rgb(246, 247, 248)');
        await page.click('.figures summary');
        await says(page, '#figures tbody', /\d\d:\d\d:\d\d/);
      },
      [readback],
    );
  });

  /** Chromium's advice about reading pixels, which only this test does. */
  const readback = /willReadFrequently/;

  /** Pixels of the chart of requests that have exactly this colour of the style. */
  function drawnPixels(page: Page, variable: string): Promise<number> {
    return page.evaluate(`(() => {
      const canvas = document.querySelector('[data-chart=requests] canvas');
      const [, r, g, b] = /#(..)(..)(..)/
        .exec(getComputedStyle(document.documentElement).getPropertyValue('${variable}'))
        .map((hex) => Number.parseInt(hex, 16));
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      let found = 0;
      for (let at = 0; at < data.length; at += 4) {
        if (data[at] === r && data[at + 1] === g && data[at + 2] === b && data[at + 3] === 255) found += 1;
      }
      return found;
    })()`);
  }
});
