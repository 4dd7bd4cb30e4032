/** Adminer against SQLite: a table made, rows put in, seen and counted. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { applicationBlock, copyAdminer } from '../harness/applications.ts';
import { openBrowser } from '../harness/browser.ts';
import { requires } from '../harness/debian.ts';
import { startNginx } from '../harness/nginx.ts';
import { guidePool, guideWarnings } from '../harness/pool.ts';
import { startServer } from '../harness/server.ts';

const skip = requires('adminer', 'nginx', 'chromium', 'php-sqlite3');

test('Adminer makes a table in SQLite, fills it and shows it', { skip }, async () => {
  await using server = await startServer({
    pools: guidePool, // The guide's slow log begins at 2 s, which a page can take while other tests load the machine.
    expected: [...guideWarnings, /executing too slow/, /no PHP stack in the slow log/],
  });
  const root = copyAdminer(server.folder);
  {
    await using nginx = await startNginx((port) => applicationBlock(port, root, server.socket('myapp')));
    await using browser = await openBrowser();
    const page = await browser.newPage();

    await page.goto(nginx.url('/index.php'));
    await page.selectOption('select[name="auth[driver]"]', 'sqlite');
    await page.fill('input[name="auth[password]"]', 'trunk');
    await page.fill('input[name="auth[db]"]', `${root}/data/herd.db`);
    await page.click('input[type=submit]');
    await page.waitForSelector('#logout');

    await page.goto(`${page.url()}&sql=`);
    const run = async (sql: string): Promise<void> => {
      // Its editor is an editable element that follows the keys; only typed text gets to the form.
      await page.click('pre.sqlarea');
      await page.keyboard.press('ControlOrMeta+A');
      await page.keyboard.type(sql);
      await Promise.all([page.waitForEvent('load'), page.click('#form input[type=submit]')]);
    };
    await run(
      "CREATE TABLE elephant (id INTEGER PRIMARY KEY, name TEXT); INSERT INTO elephant (name) VALUES ('Hathi'), ('Jumbo <b>');",
    );
    assert.equal(
      await page.locator('p.error').count(),
      0,
      await page.locator('p.error').allTextContents().then(String),
    );
    await run('SELECT name, length(name) AS letters FROM elephant ORDER BY id');
    const cells = await page.locator('#content table').first().locator('td').allTextContents();
    assert.deepEqual(cells, ['Hathi', '5', 'Jumbo <b>', '9']);
  }
  await server.stop();
});
