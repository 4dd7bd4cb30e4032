/** Worker mode over time: an application without a cache, memory after many requests, a reload under clients. */
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { requires } from '../../tests/harness/debian.ts';
import { scriptParams } from '../../tests/harness/fastcgi.ts';
import type { TestFolder } from '../../tests/harness/folder.ts';
import { startLoad } from '../../tests/harness/load.ts';
import { poolText } from '../../tests/harness/pool.ts';
import { type Server, startServer } from '../../tests/harness/server.ts';
import { cpuTimeBelow } from '../lib/cpu-time.ts';
import type { Figure } from '../lib/figure.ts';
import { Front } from '../lib/front.ts';
import { hasPhpFpm } from '../lib/machine.ts';
import { interleave } from '../lib/pair.ts';
import { summarize } from '../lib/statistics.ts';
import type { Workload } from '../lib/workload.ts';
import { sendWebLoad, withoutWebLoad } from '../lib/wrk.ts';

/** A kernel of Symfony's components: routes, services and listeners are built at each boot, in memory. */
const uncached = `<?php
require '/usr/share/php/Symfony/Bundle/FrameworkBundle/autoload.php';
use Symfony\\Component\\DependencyInjection\\{ContainerBuilder, Reference};
use Symfony\\Component\\EventDispatcher\\EventDispatcher;
use Symfony\\Component\\HttpFoundation\\{Request, RequestStack, Response};
use Symfony\\Component\\HttpKernel\\{HttpKernel, EventListener\\RouterListener, Controller\\ControllerResolver};
use Symfony\\Component\\Routing\\{Route, RouteCollection, RequestContext, Matcher\\UrlMatcher};
final class Service { public function __construct(public array $needs = []) {} }
$routes = new RouteCollection();
$page = fn () => new Response('a page of Symfony');
foreach (range(1, 300) as $n) $routes->add("page$n", new Route("/page/$n/{id}", ['_controller' => $page, 'id' => 1], ['id' => '\\\\d+']));
$routes->add('home', new Route('/uncached.php', ['_controller' => $page]));
$container = new ContainerBuilder();
foreach (range(1, 100) as $n)
    $container->register("service$n", Service::class)->setArguments([$n > 1 ? [new Reference('service' . ($n - 1))] : []])->setPublic($n % 5 === 0);
$container->compile();
$events = new EventDispatcher();
$stack = new RequestStack();
$events->addSubscriber(new RouterListener(new UrlMatcher($routes, new RequestContext()), $stack));
$kernel = new HttpKernel($events, new ControllerResolver(), $stack);
$handle = function () use ($kernel, $container): void {
    $container->get('service100');
    $request = Request::create('/uncached.php');
    $response = $kernel->handle($request);
    $response->send();
    $kernel->terminate($request, $response);
};
if (empty($_SERVER['FRANKENPHP_WORKER'])) $handle();
else while (hathi_handle_request($handle)) continue;
`;

/** The requests of the last figure of memory; the first thousand are a worker's warming up. */
const [firstRequests, allRequests] = [1000, 100_000];
const waiting = `<?php
while (hathi_handle_request(function (): void {
    for ($end = microtime(true) + 0.1; microtime(true) < $end;) usleep(5000);
    echo 'short';
})) continue;`;

const hathiOnly = (name: string): string => `pm.max_children = ${name === 'reload' ? 8 : 4}`;

async function start(kind: 'hathi' | 'php-fpm'): Promise<Server> {
  const write = (folder: TestFolder): void => {
    folder.write('www/uncached.php', uncached);
    folder.write('www/waiting.php', waiting);
  };
  return await startServer({
    kind,
    engine: 'native',
    pools: (folder) => {
      write(folder);
      const pool = (name: string, file: string): string => {
        const booted = kind === 'hathi' ? `\nworker.script = ${folder.join(`www/${file}`)}` : '';
        return poolText(folder, name, `${hathiOnly(name)}\nphp_admin_value[error_reporting] = 0${booted}`);
      };
      return [
        pool('uncached', 'uncached.php'),
        ...(kind === 'hathi' ? [pool('reload', 'waiting.php')] : []),
      ].join('');
    },
    startCap: 60_000,
  });
}

/** Private memory of the pool's workers, in kB. */
function privateMemory(server: Server, pool: string): number {
  const own = server
    .workers()
    .filter(({ pid }) => readFileSync(`/proc/${pid}/cmdline`, 'latin1').startsWith(`php-fpm: pool ${pool}`));
  return own.reduce((sum, { pid }) => {
    const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1');
    const kilobytes = [...text.matchAll(/^Private_\w+:\s+(\d+) kB$/gm)].map(([, size]) => Number(size));
    return sum + kilobytes.reduce((total, size) => total + size, 0);
  }, 0);
}

/** Growth after the first thousand requests, in percent. */
async function growth(server: Server, url: string): Promise<{ percent: number; served: number }> {
  let served = 0;
  const until = async (count: number): Promise<number> => {
    while (served < count) served += (await sendWebLoad({ url, connections: 16, seconds: 2 })).count;
    return privateMemory(server, 'uncached');
  };
  const before = await until(firstRequests);
  return { percent: (100 * ((await until(allRequests)) - before)) / before, served };
}

async function overReload(server: Server): Promise<{ calm: number; longest: number; lost: number }> {
  const run = async (during: () => Promise<void>) => {
    const params = scriptParams(server.folder.join('www/waiting.php'));
    const load = startLoad({ clients: 16, address: server.socket('reload'), params, body: 'short' });
    await during().finally(() => load.stop());
    return await load.stop();
  };
  const calm = await run(() => delay(2000));
  const reloaded = await run(() => server.reload(60_000).then(() => delay(500)));
  const all = Object.values(reloaded.counts).reduce((sum, count) => sum + count, 0);
  return { calm: calm.longest, longest: reloaded.longest, lost: all - (reloaded.counts['ok'] ?? 0) };
}

export const nativeWorkerLife: Workload = {
  name: 'native-worker-life',
  title: 'Native engine: worker mode without a cache, over many requests, over a reload',
  obstacle: () => withoutWebLoad() ?? (requires('php-symfony-framework-bundle') || undefined),
  async measure({ rounds, seconds }) {
    await using stack = new AsyncDisposableStack();
    const kinds = hasPhpFpm() ? (['hathi', 'php-fpm'] as const) : (['hathi'] as const);
    const servers: Server[] = [];
    for (const kind of kinds) servers.push(stack.use(await start(kind)));
    const front = stack.use(await Front.start(servers, { uncached: { pool: 'uncached', root: 'www' } }));
    const urlOf = (server: Server): string => front.url(server, 'uncached', 'uncached.php');
    const measure = async (server: Server) => {
      const before = cpuTimeBelow(server.pid);
      // A request without a cache takes long where the machine has other work.
      const load = { url: urlOf(server), connections: 16, seconds: Math.max(seconds, 3) };
      const { count, perSecond } = await sendWebLoad(load);
      return { rate: perSecond, cpu: (cpuTimeBelow(server.pid) - before) / count };
    };
    for (const server of servers) await measure(server);
    const result = await interleave(rounds, servers, measure);
    const [hathi] = servers;
    if (hathi === undefined) throw new Error('no server was started');
    const { percent, served } = await growth(hathi, urlOf(hathi));
    const reload = await overReload(hathi);
    const figures: Figure[] = [
      {
        label: 'Symfony’s components without a cache, 16 connections',
        unit: 'req/s',
        ...result.rate,
        target: { of: 'ratio', limit: 'at least', value: 20 },
      },
      { label: 'the same, CPU of PHP a request', unit: 'us', ...result.cpu },
      {
        label: `private memory of the workers, growth after the first ${firstRequests} requests`,
        unit: '%',
        hathi: summarize([percent]),
        target: { of: 'hathi', limit: 'at most', value: 2 },
        note: `${served} requests of 4 workers`,
      },
      {
        label: 'reload of 8 workers under 16 clients: slowest request to the slowest without',
        unit: 'x',
        hathi: summarize([reload.longest / reload.calm]),
        target: { of: 'hathi', limit: 'at most', value: 1.3 },
      },
      {
        label: 'the same, lost requests',
        unit: '',
        hathi: summarize([reload.lost]),
        target: { of: 'hathi', limit: 'at most', value: 0 },
      },
    ];
    return figures;
  },
};
