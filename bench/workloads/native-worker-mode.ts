/** Worker mode beside php-fpm: the same application, booted once a worker here and once a request there. */

import { requires } from '../../tests/harness/debian.ts';
import type { TestFolder } from '../../tests/harness/folder.ts';
import { poolText } from '../../tests/harness/pool.ts';
import { type Server, startServer } from '../../tests/harness/server.ts';
import { cpuTimeBelow } from '../lib/cpu-time.ts';
import type { Target } from '../lib/figure.ts';
import { Front } from '../lib/front.ts';
import { hasPhpFpm } from '../lib/machine.ts';
import { interleave } from '../lib/pair.ts';
import type { Workload } from '../lib/workload.ts';
import { sendWebLoad, withoutWebLoad } from '../lib/wrk.ts';

/** Ends each front controller: a loop where the application is booted, one request elsewhere. */
const ending = `
if (empty($_SERVER['FRANKENPHP_WORKER'])) $handle();
else while (hathi_handle_request($handle)) continue;
`;

const classCount = 200;
const routeCount = 300;

/** An application of its own: so many classes, a file each, and so many routes. */
function writeClasses(folder: TestFolder): void {
  const numbers = Array.from({ length: classCount }, (_, number) => number);
  for (const number of numbers) {
    const methods = Array.from(
      { length: 8 },
      (_, index) =>
        `public function method${index}(array $values): int { return count($values) + $this->seed + ${index}; }`,
    );
    folder.write(
      `www/classes/Service${number}.php`,
      `<?php final class Service${number} { public function __construct(private int $seed) {} ${methods.join(' ')} }`,
    );
  }
  folder.write(
    'www/classes.php',
    `<?php
foreach (range(0, ${classCount - 1}) as $n) require __DIR__ . "/classes/Service$n.php";
$services = [];
foreach (range(0, ${classCount - 1}) as $n) { $class = "Service$n"; $services[] = new $class($n); }
$routes = [];
foreach (range(0, ${routeCount - 1}) as $n) $routes["/page/$n"] = fn () => $services[$n % ${classCount}]->method0([1, 2, 3]);
$handle = function () use ($routes): void { echo 'page ', $routes['/page/' . ($_GET['n'] ?? 17)](); };
${ending}`,
  );
}

const symfony = `<?php
require '/usr/share/php/Symfony/Bundle/FrameworkBundle/autoload.php';
use Symfony\\Component\\DependencyInjection\\Loader\\Configurator\\ContainerConfigurator;
use Symfony\\Component\\HttpFoundation\\{Request, Response};
use Symfony\\Component\\Routing\\Loader\\Configurator\\RoutingConfigurator;
final class Kernel extends Symfony\\Component\\HttpKernel\\Kernel {
    use Symfony\\Bundle\\FrameworkBundle\\Kernel\\MicroKernelTrait;
    public function registerBundles(): iterable { return [new Symfony\\Bundle\\FrameworkBundle\\FrameworkBundle()]; }
    public function getProjectDir(): string { return __DIR__; }
    public function getCacheDir(): string { return __DIR__ . '/../log/symfony'; }
    public function getLogDir(): string { return __DIR__ . '/../log'; }
    private function configureContainer(ContainerConfigurator $container): void {
        $container->extension('framework', ['secret' => 'x', 'http_method_override' => false, 'router' => ['utf8' => true]]);
    }
    private function configureRoutes(RoutingConfigurator $routes): void {
        foreach (range(1, 50) as $n) $routes->add("page$n", "/page/$n")->controller([$this, 'page']);
        $routes->add('home', '/')->controller([$this, 'page']);
    }
    public function page(): Response { return new Response('a page of Symfony'); }
}
$kernel = new Kernel('prod', false);
$handle = function () use ($kernel): void {
    $request = Request::createFromGlobals();
    $response = $kernel->handle($request);
    $response->send();
    $kernel->terminate($request, $response);
};
${ending}`;

const slim = `<?php
require '/usr/share/php/Slim/autoload.php';
$app = new Slim\\App();
foreach (range(1, 50) as $n) $app->get("/page/$n", fn ($request, $response) => $response->write('a page'));
$app->get('/', fn ($request, $response) => $response->write('a page of Slim'));
$handle = function () use ($app): void {
    $request = Slim\\Http\\Request::createFromEnvironment(new Slim\\Http\\Environment($_SERVER));
    $app->respond($app->process($request, new Slim\\Http\\Response()));
};
${ending}`;

/** Laravel's container, router and HTTP layer, as its kernel puts them together. */
const laravel = `<?php
require '/usr/share/php/Illuminate/autoload.php';
use Illuminate\\Http\\Request;
$container = new Illuminate\\Container\\Container();
Illuminate\\Container\\Container::setInstance($container);
$router = new Illuminate\\Routing\\Router(new Illuminate\\Events\\Dispatcher($container), $container);
foreach (range(1, 50) as $n) $router->get("/page/$n", fn () => 'a page');
$router->get('/{any}', fn () => 'a page of Laravel')->where('any', '.*');
$handle = function () use ($container, $router): void {
    $request = Request::createFromGlobals();
    $container->instance(Request::class, $request);
    $container->instance('request', $request);
    $router->dispatch($request)->send();
};
${ending}`;

const hello = `<?php $handle = function (): void { echo 'hello'; };${ending}`;

const scripts = {
  classes: 'classes.php',
  symfony: 'symfony.php',
  slim: 'slim.php',
  laravel: 'laravel.php',
  hello: 'hello.php',
} as const;
type Name = keyof typeof scripts;
const names = Object.keys(scripts) as Name[];

const common = 'pm.max_children = 4\nphp_admin_value[error_reporting] = 0';

function writeApplications(folder: TestFolder): void {
  writeClasses(folder);
  folder.write('www/symfony.php', symfony);
  folder.write('www/slim.php', slim);
  folder.write('www/laravel.php', laravel);
  folder.write('www/hello.php', hello);
}

/** Each application has a pool; `classic` is Hathi without worker mode. */
async function start(kind: 'hathi' | 'php-fpm'): Promise<Server> {
  return await startServer({
    kind,
    engine: 'native',
    pools: (folder) => {
      writeApplications(folder);
      const booted = (name: Name): string =>
        kind === 'hathi' ? `\nworker.script = ${folder.join(`www/${scripts[name]}`)}` : '';
      return [
        ...names.map((name) => poolText(folder, name, `${common}${booted(name)}`)),
        poolText(folder, 'classic', common),
      ].join('');
    },
    startCap: 60_000,
  });
}

interface Cost {
  readonly rate: number;
  readonly cpu: number;
}

const atLeast = (value: number): Target => ({ of: 'ratio', limit: 'at least', value });
const atMost = (value: number): Target => ({ of: 'ratio', limit: 'at most', value });

const routes = Object.fromEntries(
  [...names, 'classic' as const].map((pool) => [pool, { pool, root: 'www' }]),
) as Record<Name | 'classic', { readonly pool: string; readonly root: string }>;

export const nativeWorkerMode: Workload = {
  name: 'native-worker-mode',
  title: 'Native engine: an application that stays booted, through nginx (4 workers, OPcache on)',
  obstacle: () =>
    withoutWebLoad() ??
    (requires('php-symfony-framework-bundle', 'php-slim', 'php-laravel-framework') || undefined),
  async measure({ rounds, seconds }) {
    await using stack = new AsyncDisposableStack();
    const kinds = hasPhpFpm() ? (['hathi', 'php-fpm'] as const) : (['hathi'] as const);
    const servers: Server[] = [];
    for (const kind of kinds) servers.push(stack.use(await start(kind)));
    const front = stack.use(await Front.start(servers, routes));
    const cost = async (
      server: Server,
      route: Name | 'classic',
      script: string,
      connections: number,
    ): Promise<Cost> => {
      const before = cpuTimeBelow(server.pid);
      const { count, perSecond } = await sendWebLoad({
        url: front.url(server, route, script),
        connections,
        seconds,
      });
      return { rate: perSecond, cpu: (cpuTimeBelow(server.pid) - before) / count };
    };
    const measure = async (server: Server) => {
      const classes = await cost(server, 'classes', scripts.classes, 16);
      const one = await cost(server, 'classes', scripts.classes, 1);
      const symfonyPage = await cost(server, 'symfony', scripts.symfony, 16);
      const slimPage = await cost(server, 'slim', scripts.slim, 16);
      const laravelPage = await cost(server, 'laravel', scripts.laravel, 16);
      const loop = await cost(server, 'hello', scripts.hello, 16);
      const many = await cost(server, 'hello', scripts.hello, 64);
      const classic = await cost(server, 'classic', scripts.hello, 16);
      const classicMany = await cost(server, 'classic', scripts.hello, 64);
      return {
        classes: classes.rate,
        classesCpu: classes.cpu,
        one: one.rate,
        symfony: symfonyPage.rate,
        symfonyCpu: symfonyPage.cpu,
        slim: slimPage.rate,
        slimCpu: slimPage.cpu,
        laravel: laravelPage.rate,
        laravelCpu: laravelPage.cpu,
        loop: loop.rate,
        loopCpu: loop.cpu,
        many: many.rate,
        classic: classic.rate,
        classicCpu: classic.cpu,
        classicMany: classicMany.rate,
      };
    };
    for (const server of servers) await measure(server);
    const result = await interleave(rounds, servers, measure);
    const classes = `${classCount} classes and ${routeCount} routes`;
    return [
      { label: `${classes}, 16 connections`, unit: 'req/s', ...result.classes, target: atLeast(5) },
      { label: 'the same, CPU of PHP a request', unit: 'us', ...result.classesCpu, target: atMost(0.15) },
      { label: 'the same, 1 connection', unit: 'req/s', ...result.one },
      {
        label: 'Symfony page with a warm cache, 16 connections',
        unit: 'req/s',
        ...result.symfony,
        target: atLeast(3),
      },
      { label: 'the same, CPU of PHP a request', unit: 'us', ...result.symfonyCpu },
      { label: 'Slim page, 16 connections', unit: 'req/s', ...result.slim, target: atLeast(3) },
      { label: 'the same, CPU of PHP a request', unit: 'us', ...result.slimCpu },
      {
        label: "a page of Laravel's router, 16 connections",
        unit: 'req/s',
        ...result.laravel,
        target: atLeast(3),
      },
      { label: 'the same, CPU of PHP a request', unit: 'us', ...result.laravelCpu },
      { label: 'hello world in the loop, 16 connections', unit: 'req/s', ...result.loop },
      { label: 'the same, CPU of PHP a request', unit: 'us', ...result.loopCpu },
      { label: 'hello world in the loop, 64 connections', unit: 'req/s', ...result.many },
      { label: 'hello world without worker mode, 16 connections', unit: 'req/s', ...result.classic },
      { label: 'the same, CPU of PHP a request', unit: 'us', ...result.classicCpu },
      { label: 'hello world without worker mode, 64 connections', unit: 'req/s', ...result.classicMany },
    ];
  },
};
