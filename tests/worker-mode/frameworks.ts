/**
 * Small applications on frameworks from Debian, with the kernel kept over requests as the runners of these frameworks
 * keep it. Each answers `/hello/NONCE` with the nonce, `/session` with a count of the visits of its client, and
 * `/disturb/WHAT/NONCE` with the nonce before it does harm.
 */
import type { TestFolder } from '../harness/folder.ts';

const disturb = `function disturb(string $what, string $nonce): string
{
    static $leaked = [];
    if ($what === 'leak') $leaked[] = str_repeat($nonce, 500);
    if ($what === 'exit') exit($nonce);
    if ($what === 'fatal') { echo $nonce; eval('function twice() {} function twice() {}'); }
    return $nonce;
}`;

const symfony = `<?php
namespace App;

use Symfony\\Bundle\\FrameworkBundle\\FrameworkBundle;
use Symfony\\Bundle\\FrameworkBundle\\Kernel\\MicroKernelTrait;
use Symfony\\Component\\DependencyInjection\\Loader\\Configurator\\ContainerConfigurator;
use Symfony\\Component\\HttpFoundation\\Request;
use Symfony\\Component\\HttpFoundation\\Response;
use Symfony\\Component\\HttpKernel\\Kernel as BaseKernel;
use Symfony\\Component\\Routing\\Loader\\Configurator\\RoutingConfigurator;

require '/usr/share/php/Symfony/Bundle/FrameworkBundle/autoload.php';

${disturb}

final class Kernel extends BaseKernel
{
    use MicroKernelTrait;

    public function registerBundles(): iterable { return [new FrameworkBundle()]; }
    public function getProjectDir(): string { return __DIR__; }
    public function getCacheDir(): string { return __DIR__ . '/../log/symfony-cache-' . getmypid(); }
    public function getLogDir(): string { return __DIR__ . '/../log'; }

    private function configureContainer(ContainerConfigurator $container): void
    {
        $container->extension('framework', ['secret' => 'of the tests', 'http_method_override' => false,
            'session' => ['handler_id' => null, 'storage_factory_id' => 'session.storage.factory.native'],
            'router' => ['utf8' => true]]);
    }

    private function configureRoutes(RoutingConfigurator $routes): void
    {
        $routes->add('hello', '/hello/{nonce}')->controller([$this, 'hello']);
        $routes->add('session', '/session')->controller([$this, 'session']);
        $routes->add('form', '/form')->controller([$this, 'form']);
        $routes->add('fail', '/fail')->controller([$this, 'fail']);
        $routes->add('disturb', '/disturb/{what}/{nonce}')->controller([$this, 'disturb']);
    }

    public function hello(string $nonce): Response { return new Response($nonce); }

    public function session(Request $request): Response
    {
        $session = $request->getSession();
        $session->set('n', $session->get('n', 0) + 1);
        return new Response((string) $session->get('n'));
    }

    public function form(Request $request): Response
    {
        $file = $request->files->get('file');
        return new Response($request->request->get('text') . ':' . ($file ? md5_file($file->getPathname()) : 'none'));
    }

    public function disturb(string $what, string $nonce): Response { return new Response(disturb($what, $nonce)); }

    public function fail(): Response { throw new \\LogicException('on purpose'); }
}

$kernel = new Kernel('prod', false);
$kernel->boot();
$handler = function () use ($kernel, &$request, &$response): void {
    $request = Request::createFromGlobals();
    $response = $kernel->handle($request);
    $response->send();
};
do {
    $goesOn = \\frankenphp_handle_request($handler);
    if ($request !== null) $kernel->terminate($request, $response);
    $request = $response = null;
    gc_collect_cycles();
} while ($goesOn);
`;

const slim = `<?php
require '/usr/share/php/Slim/autoload.php';

${disturb}

$app = new Slim\\App(['settings' => ['displayErrorDetails' => true]]);
$app->get('/hello/{nonce}', fn ($request, $response, array $args) => $response->write($args['nonce']));
$app->get('/disturb/{what}/{nonce}', fn ($request, $response, array $args) => $response->write(disturb($args['what'], $args['nonce'])));
$app->get('/session', function ($request, $response) {
    session_start();
    $_SESSION['n'] = ($_SESSION['n'] ?? 0) + 1;
    return $response->write((string) $_SESSION['n']);
});
while (hathi_handle_request(function () use ($app): void {
    $request = Slim\\Http\\Request::createFromEnvironment(new Slim\\Http\\Environment($_SERVER));
    $app->respond($app->process($request, new Slim\\Http\\Response()));
})) {
    gc_collect_cycles();
}
`;

const laravel = `<?php
require '/usr/share/php/Illuminate/autoload.php';

use Illuminate\\Http\\Request;

${disturb}

$container = new Illuminate\\Container\\Container();
Illuminate\\Container\\Container::setInstance($container);
$router = new Illuminate\\Routing\\Router(new Illuminate\\Events\\Dispatcher($container), $container);
$router->get('/hello/{nonce}', fn (string $nonce) => $nonce);
$router->get('/disturb/{what}/{nonce}', fn (string $what, string $nonce) => disturb($what, $nonce));
$router->get('/session', function () {
    session_start();
    $_SESSION['n'] = ($_SESSION['n'] ?? 0) + 1;
    return (string) $_SESSION['n'];
});
// As Octane's script counts, and ends by itself.
$served = 0;
$most = $_SERVER['MAX_REQUESTS'] ?? 1000;
while ($served < $most && frankenphp_handle_request(function () use ($container, $router): void {
    $request = Request::createFromGlobals();
    $container->instance(Request::class, $request);
    $container->instance('request', $request);
    $router->dispatch($request)->send();
})) {
    $served++;
    gc_collect_cycles();
}
`;

export const frameworks = { symfony, slim, laravel } as const;

export type Framework = keyof typeof frameworks;

/** Writes the application's worker script below `www/`, and returns its path. */
export function writeFramework(folder: TestFolder, framework: Framework): string {
  return folder.write(`www/${framework}.php`, frameworks[framework]);
}
