/**
 * Makes the dashboard's pictures in docs/images: a master with three pools of the native engine, traffic of one's own, and
 * Chromium. As root, with nothing at /srv/shop, where the demonstration is put for the time.
 *
 *   node scripts/pictures.ts [--minutes 12] [--out docs/images]
 */

import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { Page } from 'playwright-core';
import { openBrowser } from '../tests/harness/browser.ts';
import { request, scriptParams } from '../tests/harness/fastcgi.ts';
import type { TestFolder } from '../tests/harness/folder.ts';
import { type Server, startServer } from '../tests/harness/server.ts';
import { freePort } from '../tests/harness/web-server.ts';

const site = '/srv/shop';
const token = 'a-token-for-pictures';
const minuteMs = 60_000;

const library = `<?php
namespace Shop;
function burn(float $ms) { for ($end = hrtime(true) + $ms * 1e6; hrtime(true) < $end;) md5('tusk'); }
function wait(float $ms) { usleep((int)($ms * 1000)); }
class Database { static function query(float $ms) { wait($ms); burn($ms / 20); } }
class Rates { static function lookup() { burn(2); } }
class Tax { static function apply() { Rates::lookup(); burn(2); } }
class Catalogue { static function price() { Tax::apply(); } static function products(float $ms) { Database::query($ms); self::price(); }
  static function related() { Database::query(20); } }
class Cart { static function total() { Database::query(5); Tax::apply(); } }
class View { static function partial() { burn(5); } static function layout() { self::partial(); burn(2); } static function render() { self::layout(); } }
class Kernel {
  static function page(float $ms) { Catalogue::products($ms); Catalogue::related(); }
  static function handle(string $path) {
    if ($path === '/cart') Cart::total();
    self::page(str_starts_with($path, '/report') ? mt_rand(900, 3500) : mt_rand(10, 60) + (mt_rand(0, 40) === 0 ? mt_rand(300, 1400) : 0));
    View::render();
    if (mt_rand(0, 250) === 0) http_response_code(503);
  }
}`;
const controller = `<?php require '${site}/lib.php'; Shop\\Kernel::handle(strtok($_SERVER['REQUEST_URI'], '?')); echo 'ok';`;

const number = (most: number): number => Math.floor(Math.random() * most);
const paths: readonly (() => readonly [method: string, path: string])[] = [
  () => ['GET', `/product/${1000 + number(4000)}`],
  () => ['GET', `/product/${1000 + number(4000)}`],
  () => ['GET', '/'],
  () => ['GET', '/search?q=howdah'],
  () => ['GET', ['/category/tusk-care', '/category/howdahs', '/category/ankuses'][number(3)] ?? '/'],
  () => ['POST', '/cart'],
  () => ['GET', `/account/orders/${crypto.randomUUID()}`],
];

/** One request; what becomes of it is seen in the pictures. */
function ask(server: Server, pool: string, [method, path]: readonly [string, string]): void {
  const params = scriptParams(`${site}/index.php`, {
    REQUEST_METHOD: method,
    REQUEST_URI: path,
    SCRIPT_NAME: '/index.php',
    QUERY_STRING: path.split('?')[1] ?? '',
  });
  request(server.socket(pool), params, '', minuteMs).catch(() => undefined);
}

async function traffic(server: Server, pool: string, perSecond: number, until: number): Promise<void> {
  while (Date.now() < until) {
    // Waves of a few minutes, and the chance of the moment.
    const wave = 1 + 0.5 * Math.sin((Date.now() / minuteMs) * 2);
    await wait((-Math.log(Math.random()) * 1000) / (perSecond * wave));
    ask(server, pool, (paths[number(paths.length)] ?? paths[0]!)());
  }
}

/** Now and then more reports at once than the pool has workers. */
async function reports(server: Server, until: number): Promise<void> {
  while (Date.now() < until) {
    burst(server);
    await wait(70_000);
  }
}

function burst(server: Server): void {
  for (let index = 0; index < 11; index += 1) ask(server, 'shop', ['GET', '/report/monthly']);
}

const pools = (folder: TestFolder, more = ''): string =>
  [
    ['www', 12],
    ['shop', 4],
    ['intranet', 6],
  ]
    .map(
      ([name, workers]) => `[${name}]
user = www-data
listen.owner = www-data
listen = ${folder.join(`run/${name}.sock`)}
pm = static
pm.max_children = ${workers}
slowlog = ${folder.join(`log/${name}-slow.log`)}
request_slowlog_timeout = 1s
`,
    )
    .join('') + more;

async function pictures(port: number, out: string, server: Server): Promise<void> {
  const url = `http://127.0.0.1:${port}/#token=${token}`;
  await using browser = await openBrowser();
  const take = async (
    name: string,
    size: { width: number; height: number; scale?: number },
    colorScheme: 'light' | 'dark',
    look: (page: Page) => Promise<void>,
  ): Promise<void> => {
    const { width, height, scale = 1 } = size;
    const page = await browser.newPage({
      viewport: { width, height },
      deviceScaleFactor: scale,
      colorScheme,
    });
    await page.goto(url);
    await page.locator('#pools tbody tr').first().waitFor();
    // The refused reload is on the charts; its reasons would take the place of the pools.
    await page.locator('#outcome button').click();
    await look(page);
    await page.screenshot({ path: join(out, name) });
    await page.close();
  };
  await take('dashboard.png', { width: 1280, height: 1020 }, 'light', async (page) => {
    burst(server);
    await wait(4500);
    await page.mouse.move(640, 5);
  });
  await take('dashboard-phone.png', { width: 360, height: 740, scale: 2 }, 'dark', () => wait(3000));
  await take('dashboard-flame.png', { width: 1280, height: 1200 }, 'dark', async (page) => {
    await page.locator('#pools button', { hasText: 'www' }).click();
    await page.click('#profile-start');
    await page.locator('#flame button').first().waitFor({ timeout: minuteMs });
    await page.locator('#slow summary').first().click();
    await page.evaluate("document.querySelector('#routes').closest('section').scrollIntoView()");
    await wait(500);
  });
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { minutes: { type: 'string', default: '12' }, out: { type: 'string', default: 'docs/images' } },
  });
  if (existsSync(site)) throw new Error(`"${site}" is there already: remove it`);
  mkdirSync(site);
  writeFileSync(join(site, 'lib.php'), library);
  writeFileSync(join(site, 'index.php'), controller);
  const port = await freePort();
  const global = `admin.listen = 127.0.0.1:${port}\nadmin.token = ${token}`;
  const server = await startServer({ engine: 'native', global, pools });
  try {
    const length = Number(values.minutes) * minuteMs;
    const until = Date.now() + length;
    const running = [traffic(server, 'www', 12, until), traffic(server, 'shop', 3, until)];
    running.push(traffic(server, 'intranet', 0.7, until), reports(server, until - 5000));
    await wait(length / 3);
    await server.reload();
    await wait(length / 3);
    server.configure((folder) => pools(folder, 'bogus = 1\n'));
    process.kill(server.pid, 'SIGUSR2');
    await wait(until - Date.now() - 20_000);
    await pictures(port, resolve(values.out), server);
    await Promise.all(running);
  } finally {
    server.child.kill('SIGTERM');
    rmSync(site, { recursive: true });
  }
}

await main();
process.exit(0);
