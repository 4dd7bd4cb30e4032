/** DokuWiki as a person meets it: installed, a page written, changed and found again, a picture uploaded. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { applicationBlock, copyDokuWiki } from '../harness/applications.ts';
import { openBrowser } from '../harness/browser.ts';
import { requires } from '../harness/debian.ts';
import { engines } from '../harness/engines.ts';
import { startNginx } from '../harness/nginx.ts';
import { guidePool, guideWarnings } from '../harness/pool.ts';
import { type Server, startServer } from '../harness/server.ts';
import type { WebServer } from '../harness/web-server.ts';

/** The smallest picture that is one: 1 x 1 pixel, PNG. */
const picture = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);

const withInstaller = existsSync('/usr/share/dokuwiki/install.php')
  ? {}
  : { skip: 'Debian 13 has taken the installer out of its package' };

/** Each start of an embedded worker takes half a second of CPU, and one person uses this. */
const fewWorkers =
  'pm.max_children = 4\npm.start_servers = 2\npm.min_spare_servers = 1\npm.max_spare_servers = 2';

const missing = requires('dokuwiki', 'nginx', 'chromium');
/** One for both engines; each has a context of its own in it. */
let browser: Browser | undefined;
after(() => browser?.close());

for (const { name: engine, skip } of engines)
  describe(`DokuWiki in Chromium through nginx (${engine})`, {
    skip: skip || missing,
  }, () => {
    let server: Server;
    let nginx: WebServer;
    let page: Page;
    let root: string;
    const pageErrors: string[] = [];

    before(async () => {
      server = await startServer({
        engine,
        // This DokuWiki is older than PHP 8.4, whose deprecation notices would be shown in its pages and scripts.
        pools: (folder) =>
          guidePool(folder, `php_admin_flag[display_errors] = off\n${engine === 'native' ? '' : fewWorkers}`),
        // The guide's slow log begins at 2 s, which a first page can take while other tests load the machine.
        expected: [...guideWarnings, /executing too slow/, /no PHP stack in the slow log/],
      });
      root = copyDokuWiki(server.folder);
      nginx = await startNginx((port) => applicationBlock(port, root, server.socket('myapp')));
      browser ??= await openBrowser();
      page = await browser.newPage();
      page.on('pageerror', (error) => pageErrors.push(error.message));
      page.on('response', (response) => {
        if (response.status() >= 500) pageErrors.push(`${response.status()} ${response.url()}`);
      });
    });

    after(async () => {
      await page?.close();
      await nginx?.[Symbol.asyncDispose]();
      await server?.stop();
      await server?.[Symbol.asyncDispose]();
    });

    const save = async (text: string): Promise<void> => {
      await page.fill('#wiki__text', text);
      await page.click('#edbtn__save');
      await page.waitForSelector('#dokuwiki__content .page');
    };

    test('its installer sets it up', withInstaller, async () => {
      await page.goto(nginx.url('/install.php'));
      await page.fill('#title', 'The herd');
      await page.fill('#superuser', 'mahout');
      await page.fill('#fullname', 'A Mahout');
      await page.fill('#email', 'mahout@example.com');
      await page.fill('#password', 'trunk and tusk');
      await page.fill('#confirm', 'trunk and tusk');
      await page.uncheck('#pop');
      await page.click('#process button');
      await page.waitForSelector('a[href*="doku.php"]');
      assert.match(readFileSync(`${root}/conf/local.php`, 'utf8'), /'The herd'/);
    });

    test('the administrator logs in', withInstaller, async () => {
      await page.goto(nginx.url('/doku.php?id=start&do=login'));
      await page.fill('#dw__login input[name=u]', 'mahout');
      await page.fill('#dw__login input[name=p]', 'trunk and tusk');
      await page.click('#dw__login button[type=submit]');
      await page.waitForSelector('#dokuwiki__usertools .logout');
      assert.match((await page.textContent('#dokuwiki__usertools')) ?? '', /A Mahout/);
    });

    test('a page is created', async () => {
      await page.goto(nginx.url('/doku.php?id=elephants&do=edit'));
      await save('====== Elephants ======\n\nThey **remember** the waterhole at Tsavo.\n');
      assert.equal(await page.textContent('#dokuwiki__content h1'), 'Elephants');
      assert.equal(await page.textContent('#dokuwiki__content strong'), 'remember');
    });

    test('the page is edited, and the change is in its history', async () => {
      await page.goto(nginx.url('/doku.php?id=elephants&do=edit'));
      await save('====== Elephants ======\n\nThey **never forget** the waterhole at Amboseli.\n');
      assert.equal(await page.textContent('#dokuwiki__content strong'), 'never forget');
      await page.goto(nginx.url('/doku.php?id=elephants&do=revisions'));
      assert.equal(await page.locator('#page__revisions input[type=checkbox]').count(), 2);
    });

    test('the page is found by its words', async () => {
      // The indexer runs by a picture at the foot of the page; asking for it here means not to wait for it.
      await page.goto(nginx.url('/doku.php?id=elephants'));
      await page.request.get(nginx.url('/lib/exe/taskrunner.php?id=elephants'));
      await page.fill('#qsearch__in', 'amboseli');
      await page.press('#qsearch__in', 'Enter');
      await page.waitForSelector('.search_fulltextresult');
      assert.match((await page.textContent('.search_fulltextresult')) ?? '', /waterhole at Amboseli/);
    });

    test('a picture is uploaded and served again', async () => {
      await page.goto(nginx.url('/doku.php?id=start&do=media&ns=&tab_files=upload'));
      await page.setInputFiles('#mediamanager__uploader input[type=file]', {
        name: 'calf.png',
        mimeType: 'image/png',
        buffer: picture,
      });
      await page.click('#mediamanager__upload_button');
      await page.waitForSelector(
        '#mediamanager__uploader .qq-upload-success, #mediamanager__uploader .success',
      );
      const served = await page.request.get(nginx.url('/lib/exe/fetch.php?media=calf.png'));
      assert.equal(served.headers()['content-type'], 'image/png');
      assert.deepEqual(await served.body(), picture);
    });

    test('no page had a script error or a 5xx', () => {
      assert.deepEqual(pageErrors, []);
    });
  });
