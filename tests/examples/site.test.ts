/** The example site in a real browser, behind Hathi's own front. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { cpSync } from 'node:fs';
import { after, before, suite, test } from 'node:test';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { openBrowser } from '../harness/browser.ts';
import { requires } from '../harness/debian.ts';
import { serverKind } from '../harness/server.ts';
import { ask } from '../http/client.ts';
import { exampleSite, type RunningSite, startSite } from './site-server.ts';

/** 2 x 2 pixels, red. */
const picture = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAAEElEQVR4nGP4z8AARAwQCgAf7gP9i18U1AAAAABJRU5ErkJggg==',
  'base64',
);

/** Lines that the guest book shows, the newest first. */
const shownEntries = 20;

suite('the example site', {
  skip: requires('chromium', ...(serverKind === 'hathi' ? [] : (['php-fpm', 'php-sqlite3'] as const))),
}, () => {
  let site: RunningSite;
  let browser: Browser;

  before(async () => {
    site = await startSite((folder) => cpSync(exampleSite, folder, { recursive: true }));
    browser = await openBrowser();
  });

  after(async () => {
    await browser?.close();
    await site?.stop();
  });

  /** A page that fails the test when the browser complains or asks another host. */
  async function visit(options: BrowserContextOptions, look: (page: Page) => Promise<void>): Promise<void> {
    const context = await browser.newContext(options);
    const page = await context.newPage();
    const complaints: string[] = [];
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
    });
    page.on('request', (request) => {
      if (!/^(data:|blob:)/.test(request.url()) && !request.url().startsWith(site.url))
        complaints.push(request.url());
    });
    await page.goto(site.url);
    await look(page);
    await context.close();
    assert.deepEqual(complaints, []);
  }

  test('it tells what ran it', async () => {
    await visit({}, async (page) => {
      const fact = (name: string) => page.textContent(`[data-fact="${name}"]`);
      assert.match((await fact('PHP')) ?? '', /^\d+\.\d+\.\d+/);
      assert.equal(await fact('Server API'), 'fpm-fcgi');
      assert.match((await fact('Engine')) ?? '', /^(native|embedded)$/);
      assert.equal(await fact('Pool'), site.pool);
      assert.ok(Number(await fact('Worker')) > 0);
      assert.ok(Number(await fact('Requests')) > 0);
      assert.match((await fact('Memory')) ?? '', /^\d+\.\d MB$/);
      assert.match((await fact('OPcache')) ?? '', /^(on|off)$/);
    });
  });

  test('a session counts, and can be forgotten', async () => {
    await visit({}, async (page) => {
      const visits = () => page.textContent('[data-visits]');
      assert.equal(await visits(), '1');
      await page.reload();
      await page.reload();
      assert.equal(await visits(), '3');
      await page.click('text=Start over');
      await page.waitForURL('**/#session');
      assert.equal(await visits(), '1');
    });
  });

  test('an uploaded picture is measured, hashed and shown', async () => {
    await visit({}, async (page) => {
      await page.setInputFiles('#file', { name: 'red <b>.png', mimeType: 'image/png', buffer: picture });
      await page.click('#upload button');
      assert.equal(await page.textContent('[data-upload="name"]'), 'red <b>.png');
      assert.match(
        (await page.textContent('[data-upload="size"]')) ?? '',
        new RegExp(`^${picture.length} B, image/png, 2 × 2`),
      );
      assert.equal(
        await page.textContent('[data-upload="sha256"]'),
        createHash('sha256').update(picture).digest('hex'),
      );
      const width = await page
        .locator('.upload img')
        .evaluate((image: { naturalWidth: number }) => image.naturalWidth);
      assert.equal(width, 2);
    });
  });

  test('the guest book keeps lines, and shows them as text', async () => {
    await visit({}, async (page) => {
      // The site keeps its data beside itself, so an earlier run has left lines there.
      const before = await page.locator('.entries li').count();
      await page.fill('#name', "Asha <i>'); DROP TABLE entry; --");
      await page.fill('#message', '<script>alert(1)</script> हाथी');
      await page.click('.sign button');
      await page.waitForURL('**/#guestbook');
      assert.match((await page.textContent('#guestbook [role=status]')) ?? '', /in the book/);
      assert.equal(await page.textContent('.entries li p'), '<script>alert(1)</script> हाथी');
      assert.match((await page.textContent('.entries li footer')) ?? '', /^Asha <i>'\); DROP TABLE/);
      await page.reload();
      assert.equal(await page.locator('.entries li').count(), Math.min(before + 1, shownEntries));
    });
  });

  test('it fits a phone, in light and dark, and reads without a mouse', async () => {
    for (const colorScheme of ['light', 'dark'] as const) {
      await visit({ colorScheme, viewport: { width: 390, height: 800 } }, async (page) => {
        const wide = await page.evaluate('document.documentElement.scrollWidth');
        assert.equal(wide, 390);
        await page.keyboard.press('Tab');
        assert.equal(await page.evaluate('document.activeElement.textContent'), 'Skip to the content');
        const unnamed = await page.evaluate(
          "[...document.querySelectorAll('input:not([type=hidden])')].filter((i) => i.labels.length === 0).length",
        );
        assert.equal(unnamed, 0);
      });
    }
  });

  test('the dashboard shows what the site does, and reloads it', async (context) => {
    const address = site.dashboard;
    if (address === undefined) return context.skip('the reference has none');
    const page = await browser.newPage();
    await page.goto(address);
    await page.locator('#pools', { hasText: /serve.*8\.4\.\d+ embedded/ }).waitFor();
    await page.locator('#workers', { hasText: 'index.php' }).waitFor();
    await page.click('#reload');
    await page.locator('#outcome', { hasText: 'Reloaded' }).waitFor();
    await page.close();
    assert.equal((await ask(site.port, '/')).status, 200);
  });

  test('a form without its token is refused', async () => {
    const body = 'name=x&message=y&token=wrong';
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const answer = await ask(site.port, '/guestbook', { method: 'POST', headers, body });
    assert.equal(answer.status, 403);
    assert.doesNotMatch(String(answer.body), /<footer>x,/);
  });

  test('an unknown page is 404, and neither sources nor data can be fetched', async () => {
    const { status, body } = await ask(site.port, '/nowhere/<b>');
    assert.equal(status, 404);
    assert.match(String(body), /\/nowhere\/&lt;b&gt;/);
    for (const path of [
      '/data/guestbook.sqlite',
      '/../data/guestbook.sqlite',
      '/src/View.php',
      '/../src/View.php',
    ]) {
      assert.doesNotMatch(String((await ask(site.port, path)).body), /SQLite format|final class/, path);
    }
  });
});
