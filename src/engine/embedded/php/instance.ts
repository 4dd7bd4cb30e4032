/** One PHP: booted once, runs requests one after the other, and can be restored to its state after the boot. */

import { dirname } from 'node:path';
import { preferHugePages } from '../../../posix/memory.ts';
import { threadId } from '../../../posix/thread-id.ts';
import { binaryOf } from '../../../text/binary.ts';
import { iniFlag } from '../../script.ts';
import { type ApplicationSettings, type Outcome, outcomes, type PhpRequest } from '../shared/protocol.ts';
import { Variables } from '../shared/variables.ts';
import { Adaptation } from './adaptation.ts';
import type { Application } from './application.ts';
import { ApplicationBoot } from './application-boot.ts';
import type { ApplicationRequest } from './application-parts.ts';
import { BodyQueue } from './body.ts';
import { BodyFile } from './body-file.ts';
import { completeDevices } from './devices.ts';
import type { Engine } from './engine.ts';
import { startEngine } from './engine-start.ts';
import { ErrorWatch } from './errors.ts';
import { ExitStatus, markedExit } from './exit-status.ts';
import { installExtensions, removeExtensions } from './extensions.ts';
import { type EngineFacts, readFacts } from './facts.ts';
import { refuseFibers } from './fibers.ts';
import { HostFiles } from './files.ts';
import { type FunctionHost, headersOf } from './functions.ts';
import { opcacheFolder } from './ini.ts';
import { IniEntries, iniMode } from './ini-entries.ts';
import { IniSections } from './ini-sections.ts';
import type { InstanceHost, InstanceSettings, RunResult } from './instance-settings.ts';
import { sapiGlobals, sapiModule } from './layout.ts';
import { destroySockets } from './loader-socket.ts';
import type { LocaleNames } from './locale-names.ts';
import { FileLocks } from './locks.ts';
import { MemoryFiles } from './memory-files.ts';
import { MemorySnapshot } from './memory-snapshot.ts';
import { registerFpmModule } from './module.ts';
import { OpcacheProbe } from './opcache-probe.ts';
import { PageImage } from './page-image.ts';
import { Parts } from './parts.ts';
import { PoolIni, type PoolValue, type RequestIni } from './pool-ini.ts';
import { RequestInfo } from './request-info.ts';
import { IniParser } from './request-ini.ts';
import { type BodySource, type ResponseSink, Sapi } from './sapi.ts';
import { ScriptRun } from './script-run.ts';
import type { Spawner } from './spawn.ts';
import { stackBytes } from './stack-guard.ts';
import { StandardStreams } from './streams.ts';
import type { LimitAnswer, TimeLimit } from './time-limit.ts';
import type { ScriptMask } from './umask.ts';
import { UserIni } from './user-ini.ts';
import type { Waiting } from './waiting.ts';

export type { EngineFacts } from './facts.ts';

const iniPath = '/internal/php.ini';
/** Folders that are not the host's but visible to scripts. */
const memoryFolders = ['/internal', '/request', '/dev', '/proc'];
const warmUpScript = '/internal/warm-up.php';
/** Overrides settings that would disturb the warm-up. */
const warmUpIni =
  'open_basedir=""\nauto_prepend_file=""\nauto_append_file=""\noutput_handler=""\nerror_log=""';
/** Functions of this build that neither PHP's modules nor PHP-FPM have. */
const absentFunctions = 'dl cli_set_process_title cli_get_process_title post_message_to_js';
/** `E_WARNING` */
const warningLevel = 2;

export class PhpInstance {
  readonly #engine: Engine;
  readonly #host: InstanceHost;
  readonly #sapi: Sapi;
  readonly #mask: ScriptMask;
  readonly #locales: LocaleNames;
  readonly #files: HostFiles;
  readonly #locks: FileLocks;
  readonly #limit: TimeLimit;
  readonly #spawner: Spawner;
  readonly #waiting: Waiting;
  readonly #entries: IniEntries;
  readonly #poolIni: PoolIni;
  readonly #sections: IniSections;
  readonly #userIni: UserIni;
  readonly #errors: ErrorWatch;
  /** Undefined during the internal first script. */
  #opcache: OpcacheProbe | undefined;
  readonly #info: RequestInfo;
  readonly #script: ScriptRun;
  /** The running request; `isWhole` when its script is, so that `.user.ini` files count. */
  #current: { readonly request: PhpRequest; readonly ini: RequestIni; readonly isWhole: boolean } | undefined;
  readonly #applications: ApplicationBoot;
  #exitStatus: ExitStatus | undefined;
  #isEnding = false;
  #memoryPeak = 0;
  #user = '';
  #spoiled = false;
  #crash: PromiseWithResolvers<never> | undefined;
  #snapshot: MemorySnapshot | undefined;
  #memoryFiles: MemoryFiles | undefined;
  #lastDescriptor = 0;
  #facts: EngineFacts = { phpVersion: '', extensions: [], zendExtensions: [] };

  private constructor(engine: Engine, settings: InstanceSettings, parts: Parts, host: InstanceHost) {
    this.#engine = engine;
    this.#host = host;
    this.#locks = parts.locks();
    this.#limit = parts.limit;
    this.#spawner = parts.spawner;
    this.#waiting = parts.waiting;
    this.#mask = parts.mask;
    this.#locales = parts.locales;
    this.#files = new HostFiles(engine, parts.mask);
    this.#sapi = new Sapi(engine);
    const entries = new IniEntries(engine);
    this.#entries = entries;
    this.#poolIni = new PoolIni(engine, entries, new IniParser(engine));
    this.#sections = new IniSections(engine);
    this.#userIni = new UserIni(engine, entries);
    this.#errors = new ErrorWatch(engine);
    this.#info = new RequestInfo(engine);
    this.#script = new ScriptRun(engine, this.#info, settings.phpVersion, (text) => host.log(text));
    this.#applications = new ApplicationBoot({
      ...{ engine, entries, mask: parts.mask, sapi: this.#sapi, info: this.#info, script: this.#script },
      ...{ errors: this.#errors, output: host.output, log: host.log, phpLog: host.phpLog },
      exitStatus: () => this.#exitStatus,
      runOwn: (script, source) => this.#runOwn(script, source),
      enter: (request, isWhole) => this.#enter(request, isWhole),
      noteUser: () => this.#noteUser(),
      figures: () => ({ memoryPeak: this.#memoryPeak, user: this.#user }),
    });
    this.#sapi.onActivate = () => this.#activateIni();
    this.#sapi.onDeactivate = () => {
      this.#memoryPeak = engine.function('zend_memory_peak_usage')(1);
    };
    this.#sapi.headOptions = () => ({
      nph: entries.value('cgi.nph') === '1',
      rfc2616: entries.value('cgi.rfc2616_headers') === '1',
    });
  }

  /**
   * Starts PHP, applies the pool's ini values and runs a first script.
   *
   * @throws Error when PHP cannot start with these settings
   */
  static async boot(settings: InstanceSettings, host: InstanceHost): Promise<PhpInstance> {
    const parts = new Parts(host);
    const engine = await startEngine({
      module: settings.module,
      loaderPath: settings.loaderPath,
      // Makes getmypid() match `ps -L`, the status page and the log.
      processId: threadId(),
      env: settings.env,
      repair: (imports, current) => parts.repair(imports, current),
      lockBinding: (context, current) => {
        const complain = (message: string): void => host.log(message);
        return parts.setLocks(new FileLocks(context, current, parts.waiting, complain)).binding();
      },
    });
    parts.install();
    // PHP zeroes OPcache's memory, and the snapshot returns most of that to the kernel.
    preferHugePages(engine.memory.bytes, true);
    new StandardStreams(engine, host.output);
    completeDevices(engine.fs);
    engine.fs.mkdirTree(opcacheFolder);
    const extensions = settings.extensions ?? new Map<string, Uint8Array>();
    installExtensions(engine, extensions, settings.phpIni);
    engine.fs.writeFile(iniPath, Buffer.from(settings.phpIni, 'latin1'));
    engine.function('wasm_set_sapi_name')(engine.memory.allocateString('fpm-fcgi'));
    engine.function('wasm_set_phpini_path')(engine.memory.allocateString(iniPath));
    const adaptation = new Adaptation(engine, settings, parts);
    adaptation.beforeStart();
    await engine.suspendable('php_wasm_init')();
    removeExtensions(engine, extensions, settings.phpIni);
    const instance = new PhpInstance(engine, settings, parts, host);
    await instance.#prepare(settings, adaptation);
    parts.heap.begin(engine);
    return instance;
  }

  async #prepare(settings: InstanceSettings, adaptation: Adaptation): Promise<void> {
    const engine = this.#engine;
    this.#sapi.install(Number(settings.phpVersion) >= 8.4);
    if (settings.plainPhpinfo === true) {
      engine.memory.setWord(engine.address('sapi_module') + sapiModule.phpinfoAsText, 1);
    }
    const functions: FunctionHost = {
      requestHeaders: () => headersOf(this.#current?.request.params ?? []),
      finish: () => this.#sapi.finish(),
      status: this.#host.status,
      handleRequest: (frame, result) => this.#applications.handle(frame, result),
    };
    registerFpmModule(engine, settings.phpVersion, functions);
    adaptation.afterStart(this.#entries);
    this.#poolIni.disableFunctions(absentFunctions);
    await this.#poolIni.apply(settings.phpValue, settings.phpAdminValue, ({ setting, name, outcome }) => {
      // As in PHP-FPM, PHP itself reports a refused value.
      if (outcome === 'unknown') this.#host.log(`Unable to set ${setting} '${name}'`);
    });
    await this.#warmUp();
    this.#lastDescriptor = engine.fs.streams.length - 1;
    this.#memoryFiles = new MemoryFiles(engine.fs, memoryFolders);
    const { image } = settings;
    preferHugePages(engine.memory.bytes, false);
    this.#snapshot = MemorySnapshot.take(engine, image === undefined ? undefined : new PageImage(image));
    if (image === undefined) this.#host.image(this.#snapshot.image.buffer);
  }

  /** Runs a script of our own. */
  async #runOwn(script: string, source: string): Promise<Outcome> {
    this.#engine.fs.writeFile(script, source);
    const request = {
      params: Variables.of([['REQUEST_METHOD', 'GET']]),
      script,
      contentLength: 0,
      phpAdminValue: warmUpIni,
    };
    const { outcome } = await this.run(request, new BodyQueue(0), {
      head: () => {},
      body: () => true,
      flush: () => {},
      finished: () => {},
      log: (bytes) => this.#host.log(binaryOf(bytes)),
    });
    return outcome;
  }

  /** Runs a first script, so that no request pays for lazy compilation. */
  async #warmUp(): Promise<void> {
    const collect = this.#sapi.onDeactivate;
    this.#sapi.onDeactivate = () => refuseFibers(this.#engine);
    const outcome = await this.#runOwn(warmUpScript, markedExit.script);
    this.#sapi.onDeactivate = collect;
    if (outcome !== outcomes.ok) {
      throw new Error('PHP does not run an empty script with these settings; the log has the reason');
    }
    this.#exitStatus = new ExitStatus(this.#engine, this.#entries);
    this.#opcache = new OpcacheProbe(this.#engine, this.#entries);
    this.#facts = readFacts(this.#engine);
  }

  get facts(): EngineFacts {
    return this.#facts;
  }

  /** Size of the engine's memory without its stack; it never shrinks. */
  get heapBytes(): number {
    return this.#engine.memory.byteLength - stackBytes;
  }

  /**
   * Worker mode: runs the script of an application until it waits for its first request. All requests are the
   * application's from then on, until {@link restore}.
   *
   * @returns why the application cannot be booted; undefined when it waits
   */
  bootApplication(settings: ApplicationSettings): Promise<string | undefined> {
    this.#begin();
    this.#locales.reset();
    return this.#applications.boot(settings, this.#facts.phpVersion);
  }

  /** Restores the state after the boot: memory, descriptors, connections, locks. */
  restore(): void {
    this.#applications.abandon();
    this.#script.abandon();
    this.#snapshot?.restore(this.#engine);
    this.#release();
    this.#memoryFiles?.restore();
    this.#sapi.reset();
    this.#userIni.reset();
    this.#opcache?.reset();
    this.#info.forget();
    this.#spoiled = false;
  }

  #release(): void {
    destroySockets();
    this.#spawner.forget();
    this.#locks.releaseAll();
    const { fs } = this.#engine;
    for (const stream of fs.streams.slice(this.#lastDescriptor + 1)) {
      if (stream === null || stream === undefined) continue;
      try {
        fs.close(stream);
      } catch {
        // The descriptor was closed without the loader's knowledge; nothing is left to do.
      }
    }
  }

  /** Releases the host's resources of the instance, without shutting PHP down. */
  discard(): void {
    this.#lastDescriptor = 2;
    this.#release();
  }

  /** The initial value of every request; undefined for an unknown entry. */
  iniValue(name: string): string | undefined {
    return this.#entries.value(name);
  }

  /**
   * Tries the values of a pool as a boot applies them, then restores the old ones; disabled functions stay disabled.
   *
   * @param report is called for each
   */
  async tryPoolIni(
    { phpValue, phpAdminValue }: Pick<InstanceSettings, 'phpValue' | 'phpAdminValue'>,
    report: (value: PoolValue) => void,
  ): Promise<void> {
    const names = [...phpValue, ...phpAdminValue].map(([name]) => name);
    const before = new Map(names.map((name) => [name, this.#entries.value(name)]));
    await this.#poolIni.apply(phpValue, phpAdminValue, report);
    for (const [name, value] of before) {
      if (value !== undefined) await this.#entries.setMaster(name, value, iniMode.user);
    }
  }

  /** Shuts PHP down in order; the instance is unusable afterwards. */
  async close(): Promise<void> {
    try {
      await this.#applications.leave();
      await this.#engine.suspendable('php_module_shutdown')();
    } finally {
      this.#release();
    }
  }

  /** True when the last request left state that no other request may see. */
  get spoiled(): boolean {
    return this.#spoiled;
  }

  /** Checks max_execution_time; called by the main thread's interrupt. */
  checkLimit(): LimitAnswer {
    return this.#limit.check(this.#engine, this.#abandonedAt());
  }

  /** When the client left, if the script depends on it; only known while PHP's code waits. */
  #abandonedAt(): number | undefined {
    if (!this.#waiting.isWaiting || iniFlag(this.#entries.value('ignore_user_abort'), false))
      return undefined;
    return this.#host.abandonedAt();
  }

  /** The engine failed outside of any call (an exception in a callback): the running request ends as by a trap. */
  fail(error: unknown): void {
    this.#crash?.reject(error);
  }

  /** Runs one request. Never throws: failures are part of the outcome. */
  async run(sent: PhpRequest, sentBody: BodySource, sink: ResponseSink): Promise<RunResult> {
    const file = BodyFile.of(sent, (text) => this.#warn(text));
    const request = file === undefined ? sent : { ...sent, contentLength: file.contentLength };
    const asked = { request, body: file ?? sentBody, sink, phpSelf: phpSelf(request.params) };
    this.#begin();
    const { application } = this.#applications;
    if (application === undefined) {
      this.#mask.reset();
      this.#locales.reset();
      this.#sapi.begin({ ...asked, params: request.params });
    }
    const outcome = await this.#guarded(
      application === undefined ? this.#execution(request) : this.#serve(application, asked),
    );
    file?.close();
    let rest = '';
    if (outcome === outcomes.trap) this.#sapi.abandon();
    // A booted application has sent its response with `answered`.
    else if (application === undefined) rest = this.#sapi.end();
    this.#current = undefined;
    this.#spoiled ||= outcome !== outcomes.ok;
    return { outcome, status: this.#sapi.status, memoryPeak: this.#memoryPeak, user: this.#user, rest };
  }

  /**
   * A warning by PHP, which goes where the pool's settings send it. At the end of a request PHP itself can no longer
   * report it.
   */
  #warn(text: string): void {
    if (this.#isEnding) {
      this.#host.log(text);
      return;
    }
    this.#engine.function('zend_error')(warningLevel, this.#info.string(text.replaceAll('%', '%%')), 0);
  }

  /** OPcache restarts when a script starts: the application ends for it, and boots anew. */
  async #serve(application: Application, asked: ApplicationRequest): Promise<Outcome> {
    const outcome = await application.serve(asked);
    if (outcome !== outcomes.ok) return outcome;
    this.#lookAtOpcache();
    if (this.#opcache?.isRestarting !== true) return outcome;
    this.#host.log('the application boots anew: OPcache is to restart', 'notice');
    await application.leave();
    return outcomes.bailout;
  }

  #lookAtOpcache(): void {
    const figures = this.#opcache?.look(performance.now());
    if (figures !== undefined) this.#host.opcache(figures);
  }

  #begin(): void {
    this.#memoryPeak = 0;
    this.#user = '';
    this.#waiting.begin();
  }

  /** The outcome of a request; the engine may also fail outside of its calls. */
  async #guarded(running: Promise<Outcome>): Promise<Outcome> {
    this.#crash = Promise.withResolvers<never>();
    try {
      return await Promise.race([running, this.#crash.promise]);
    } catch (error) {
      this.#host.log(`the PHP engine failed: ${error instanceof Error ? error.message : String(error)}`);
      return outcomes.trap;
    }
  }

  async #execution(request: PhpRequest): Promise<Outcome> {
    this.#errors.begin();
    await this.#phases(request);
    this.#info.free();
    return this.#errors.fatal || this.#sapi.bailedOut ? outcomes.bailout : outcomes.ok;
  }

  /** A request begins, or a booted application has none. */
  #enter(request: PhpRequest | undefined, isWhole = true): void {
    this.#current = request && { request, ini: this.#readIni(request), isWhole };
    this.#files.forgetNames();
  }

  #noteUser(): void {
    const user = this.#engine.memory.word(this.#engine.address('sapi_globals') + sapiGlobals.authUser);
    if (user !== 0) this.#user = this.#engine.memory.string(user);
  }

  async #phases(request: PhpRequest): Promise<void> {
    this.#isEnding = false;
    this.#enter(request);
    this.#engine.fs.chdir(dirname(request.script));
    this.#info.fill(request);
    if (await this.#script.start()) {
      this.#lookAtOpcache();
      await this.#script.execute(request.script);
    }
    await this.#exitStatus?.applyErrorHeader();
    this.#noteUser();
    this.#waiting.begin();
    this.#isEnding = true;
    await this.#script.shutdown();
  }

  #readIni({ phpValue, phpAdminValue }: PhpRequest): RequestIni {
    const ini = this.#poolIni.readForRequest(phpValue, phpAdminValue);
    this.#spoiled ||= ini.permanent;
    for (const error of ini.errors) this.#host.log(error);
    return ini;
  }

  #activateIni(): void {
    if (this.#current === undefined) return;
    const { request, ini, isWhole } = this.#current;
    for (const error of this.#poolIni.applyToRequest(ini)) this.#host.log(error);
    if (!isWhole) return;
    this.#sections.activate(request.script, request.params.get('SERVER_NAME'));
    this.#userIni.activate(request.script, request.params.get('DOCUMENT_ROOT'));
  }
}

function phpSelf(params: Variables): string {
  return params.get('PHP_SELF') ?? `${params.get('SCRIPT_NAME') ?? ''}${params.get('PATH_INFO') ?? ''}`;
}
