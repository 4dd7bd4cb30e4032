/**
 * `hathi serve`: a master with one pool, and an HTTP front that talks FastCGI to it, in one process.
 */
import { existsSync } from 'node:fs';
import { BlockList, isIP } from 'node:net';
import { dirname, resolve } from 'node:path';
import { requestFastCgi } from '../../fastcgi/client.ts';
import type { AdminSource } from '../../figures/admin-source.ts';
import { type Front, startFront } from '../../http/front.ts';
import { formatBytes, type RequestRecord, renderRequest } from '../../http/log.ts';
import { findPortOwner } from '../../http/port-owner.ts';
import { terminalLine } from '../../text/terminal.ts';
import { type Application, findApplication } from './application.ts';
import { type Dashboard, openDashboard } from './dashboard.ts';
import { RequestMemory } from './memory.ts';
import { type MessageSource, MessageTwins, messagesOf } from './messages.ts';
import { UsageError } from './option-values.ts';
import { parseServeOptions, type ServeOptions, serveHelp } from './options.ts';
import { makeRuntimeFolder, poolConfig, type RuntimeFolder } from './pool.ts';
import { chooseUser, findSite, type RunAs, type Site } from './site.ts';

/** A master in this process. */
export interface ServeMaster {
  /** Facts about the pool's engine, known once the pool is ready. */
  readonly ready: {
    readonly phpVersion: string;
    readonly engine: string;
    readonly pool: string;
    /** Known security problems of this PHP, one sentence each. */
    readonly warnings?: readonly string[];
  };
  /** For the dashboard. */
  readonly admin: AdminSource;
  /** Ends the pool when its running requests have finished. */
  stop(): Promise<void>;
  /** Fulfilled with the reason when the master ends unexpectedly. */
  readonly ended: Promise<string>;
}

export interface ServeMasterOptions {
  /** In PHP-FPM's language. */
  readonly configText: string;
  /** The file's name in messages. */
  readonly configName: string;
  readonly allowRoot: boolean;
  /** Whether the dashboard shows this master. */
  readonly isObserved: boolean;
  /** A line of the error log. */
  readonly onLog: (line: string) => void;
  /** A line of a PHP worker's stdout or stderr. */
  readonly onWorkerOutput: (line: string) => void;
}

/** External dependencies of the command. */
export interface ServeDependencies {
  /** Fulfilled when the pool can take a request, rejected with a readable message. */
  readonly startMaster: (options: ServeMasterOptions) => Promise<ServeMaster>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly uid: number;
  /** Writes a line to the terminal. */
  readonly print: (line: string) => void;
  /** Whether the output is a terminal. */
  readonly isTerminal: boolean;
  /** The same for errors and warnings. */
  readonly printError: (line: string) => void;
  /** A monotonic clock in milliseconds. */
  readonly now: () => number;
  readonly onSignal: (signal: 'SIGINT' | 'SIGTERM', listener: () => void) => void;
  /** Ends the process at once, for the second Ctrl-C. */
  readonly exit: (code: number) => void;
}

/** Time for answers to clients after the pool has ended by itself, in milliseconds. */
const lastAnswersMs = 1000;

/** A second Ctrl-C this soon may be npm's copy of the first, in milliseconds. */
const forwardedWithin = 500;

const exitCode = { ok: 0, failed: 1, usage: 64 } as const;

/**
 * Runs the command until it is stopped.
 *
 * @param args - The command line after `serve`.
 * @returns The exit code: 0 after a requested stop, 64 for a mistake in the command line, else 1.
 */
export async function serveCommand(args: readonly string[], deps: ServeDependencies): Promise<number> {
  try {
    const options = parseServeOptions(args, deps.environment, deps.isTerminal);
    if (options === 'help') {
      deps.print(serveHelp.trimEnd());
      return exitCode.ok;
    }
    const application = findApplication(options, deps.cwd);
    const site = findSite(options.docroot ?? (application && dirname(application.script)), deps.cwd);
    const runAs = chooseUser(site.docroot, options, deps.uid);
    const config = options.config === undefined ? undefined : configFile(options.config, deps.cwd);
    return await serve({ options, site, application, runAs, config }, deps);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    deps.printError(`hathi serve: ${error.message}`);
    return exitCode.usage;
  }
}

/** Destination of the pool's facts that are not part of its answers. */
interface Outlets {
  readonly memory: RequestMemory;
  readonly php: PhpPrinter;
}

interface Plan {
  readonly options: ServeOptions;
  readonly site: Site;
  readonly application: Application | undefined;
  readonly runAs: RunAs | undefined;
  readonly config: string | undefined;
}

async function serve(plan: Plan, deps: ServeDependencies): Promise<number> {
  const runtime = makeRuntimeFolder();
  const memory = new RequestMemory();
  const php = new PhpPrinter(deps);
  const stopAsked = stopRequest(deps, runtime);
  const booting = Promise.withResolvers<void>();
  // startPool reports a failed start; requests that waited for it are rejected by their own promise.
  booting.promise.catch(() => {});
  let front: Front | undefined;
  let master: ServeMaster | undefined;
  let dashboard: Dashboard | undefined;
  let grace = Number.POSITIVE_INFINITY;
  try {
    // The port comes first: a taken one must not cost the start of a pool. Requests wait for the pool.
    front = await openFront(plan, runtime, { booted: booting.promise, memory, php }, deps);
    const starting = startPool(plan, runtime, { memory, php }, deps);
    const first = await Promise.race([starting, stopAsked]);
    master = await starting;
    booting.resolve();
    if (first === undefined) return exitCode.ok;
    if (plan.options.dashboard) dashboard = await openDashboardOf(master, deps);
    announce(plan, { front, dashboard }, master, deps);
    const reason = await Promise.race([stopAsked, master.ended]);
    if (reason === undefined) return exitCode.ok;
    grace = lastAnswersMs;
    deps.printError(`hathi serve: the pool ended: ${reason}`);
    return exitCode.failed;
  } catch (error) {
    grace = lastAnswersMs;
    booting.reject(error);
    if (error instanceof UsageError) throw error;
    deps.printError(`hathi serve: ${(error as Error).message}`);
    return exitCode.failed;
  } finally {
    dashboard?.close();
    await front?.stop(grace);
    await master?.stop();
    memory.close();
    runtime.remove();
  }
}

/** Fulfilled by the first Ctrl-C or TERM; the second one ends the process at once. */
function stopRequest(deps: ServeDependencies, runtime: RuntimeFolder): Promise<undefined> {
  const asked = Promise.withResolvers<undefined>();
  // The terminal signals the whole process group, and npm also forwards its signals to the script.
  const copyWithin = deps.environment['npm_lifecycle_event'] === undefined ? 0 : forwardedWithin;
  let askedAt: number | undefined;
  const listener = () => {
    if (askedAt === undefined) {
      askedAt = deps.now();
      deps.print('\nStopping when the running requests have finished. Press Ctrl-C again to stop at once.');
      asked.resolve(undefined);
      return;
    }
    if (deps.now() - askedAt < copyWithin) return;
    // The workers end by themselves when this process closes their control channel.
    runtime.remove();
    deps.exit(exitCode.failed);
  };
  deps.onSignal('SIGINT', listener);
  deps.onSignal('SIGTERM', listener);
  return asked.promise;
}

async function openFront(
  { options, site }: Plan,
  runtime: RuntimeFolder,
  { booted, memory, php }: Outlets & { readonly booted: Promise<void> },
  deps: ServeDependencies,
): Promise<Front> {
  try {
    return await startFront({
      docroot: site.docroot,
      host: options.host,
      port: options.port,
      connect: { path: runtime.socket },
      client: async (request) => {
        await booted;
        return requestFastCgi(request);
      },
      onRequest: (record) => void printRequest(record, memory, options, deps),
      onStderr: (chunk) => php.printMessages(Buffer.from(chunk).toString('utf8')),
    });
  } catch (error) {
    throw await listenFailure(error as NodeJS.ErrnoException, options);
  }
}

/** One line a request. PHP's memory use arrives from the pool a moment later. */
async function printRequest(
  record: RequestRecord,
  memory: RequestMemory,
  options: ServeOptions,
  deps: ServeDependencies,
): Promise<void> {
  const bytes = record.id === undefined ? undefined : await memory.of(record.id);
  const details =
    bytes === undefined ? record.details : [...record.details, `${formatBytes(bytes)} of memory`];
  deps.print(renderRequest({ ...record, details }, options.color));
}

/** Names the process that has the port, and the remedy. */
async function listenFailure(error: NodeJS.ErrnoException, { host, port }: ServeOptions): Promise<Error> {
  const failed = `cannot listen on ${host}:${port}`;
  switch (error.code) {
    case 'EADDRINUSE': {
      const owner = await findPortOwner(port);
      const who =
        owner === undefined
          ? 'another process'
          : `process ${owner.pid} (${terminalLine(Buffer.from(owner.command)).slice(0, 60)})`;
      const next = port < 65535 ? port + 1 : port - 1;
      return new Error(
        `${failed}: the port is taken by ${who}; stop it, or use another port: PORT=${next} npm start, ` +
          `or hathi serve --port ${next}`,
      );
    }
    case 'EACCES':
      return new Error(`${failed}: only root may listen on a port below 1024; use a higher one with --port`);
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return new Error(`${failed}: this machine does not have that address; give one of its own with --host`);
    default:
      return new Error(`${failed}: ${error.message}`);
  }
}

function startPool(
  plan: Plan,
  runtime: RuntimeFolder,
  { memory, php }: Outlets,
  deps: ServeDependencies,
): Promise<ServeMaster> {
  const { options, application, runAs, config } = plan;
  return deps.startMaster({
    configText: poolConfig({
      socket: runtime.socket,
      php: options.php,
      workers: options.workers,
      application,
      runAs,
      config,
      own: memory.directives,
    }),
    configName: 'hathi serve',
    allowRoot: options.allowRoot,
    isObserved: options.dashboard,
    onLog: deps.printError,
    onWorkerOutput: (line) => php.print(line, 'worker'),
  });
}

/** The site is served without it as well. */
async function openDashboardOf(
  { admin }: ServeMaster,
  deps: ServeDependencies,
): Promise<Dashboard | undefined> {
  const complain = (error: unknown) => deps.printError(`warning: the dashboard: ${(error as Error).message}`);
  try {
    return await openDashboard(admin, complain);
  } catch (error) {
    complain(error);
    return undefined;
  }
}

function announce(
  { options, site, application, runAs }: Plan,
  { front, dashboard }: { readonly front: Front; readonly dashboard: Dashboard | undefined },
  { ready }: ServeMaster,
  deps: ServeDependencies,
): void {
  const rows = [
    [
      'Site',
      `${site.docroot}${site.guessed ? ' (the first of public, web, htdocs and . with an index)' : ''}`,
    ],
    ['PHP', `${ready.phpVersion}, ${ready.engine} engine`],
    ['Pool', `${ready.pool}${runAs === undefined ? '' : `, as user ${runAs.user}`}`],
    ...(application === undefined
      ? []
      : [['Worker', `${application.script}${options.watch ? ', boots anew when a file changes' : ''}`]]),
    ...(dashboard === undefined ? [] : [['Dashboard', dashboard.url]]),
    ['Stop', 'Ctrl-C'],
  ] as const;
  deps.print(`\n  ${options.color ? `\x1b[1m${front.url}\x1b[0m` : front.url}\n`);
  const column = Math.max(...rows.map(([name]) => name.length)) + 2;
  for (const [name, value] of rows) deps.print(`  ${name.padEnd(column)}${value}`);
  deps.print('');
  if (isLoopback(options.host)) return;
  deps.printError(
    `warning: listening on ${options.host}: everybody who can connect to this machine can use the site.`,
  );
  for (const warning of ready.warnings ?? []) deps.printError(`warning: ${warning}`);
}

/** True for 127.0.0.0/8, ::1 and the name localhost. */
export function isLoopback(host: string): boolean {
  if (host === 'localhost') return true;
  const loopback = new BlockList();
  loopback.addSubnet('127.0.0.0', 8, 'ipv4');
  loopback.addAddress('::1', 'ipv6');
  const family = isIP(host);
  return family !== 0 && loopback.check(host, family === 6 ? 'ipv6' : 'ipv4');
}

/** Output of PHP may contain anything; on a terminal it must stay plain text. */
class PhpPrinter {
  readonly #deps: ServeDependencies;
  readonly #twins = new MessageTwins();

  constructor(deps: ServeDependencies) {
    this.#deps = deps;
  }

  /** A piece of FastCGI's stderr. */
  printMessages(text: string): void {
    for (const message of messagesOf(text)) this.print(message, 'fastcgi');
  }

  print(text: string, source: MessageSource): void {
    for (const line of text.split('\n').map((part) => terminalLine(Buffer.from(part.trimEnd())))) {
      if (line.trim() !== '' && this.#twins.isNew(line, source)) this.#deps.printError(`php: ${line}`);
    }
  }
}

function configFile(name: string, cwd: string): string {
  const path = resolve(cwd, name);
  // The include directive takes a pattern, and treats a missing file as a pattern without a match.
  if (!existsSync(path))
    throw new UsageError(`cannot read the configuration "${path}": the file does not exist`);
  if (/[*?[\]"\\$\n\r]/.test(path)) {
    throw new UsageError(
      `cannot include the configuration "${path}": its path has one of * ? [ ] " \\ $ or a line break`,
    );
  }
  return path;
}
