/** The booted application of an instance, if it has one, and all that a boot needs. */

import type { ApplicationSettings, Outcome } from '../shared/protocol.ts';
import { Application, refuseCall } from './application.ts';
import type { ApplicationParts } from './application-parts.ts';
import { PhpCalls } from './calls.ts';
import type { ExitStatus } from './exit-status.ts';
import { coreGlobals, findFields, type GlobalFields, probeSource } from './global-fields.ts';
import type { IniEntries } from './ini-entries.ts';
import { RequestReset } from './request-reset.ts';
import type { ScriptMask } from './umask.ts';

/** The instance as its application uses it. */
export interface BootParts extends Omit<ApplicationParts, 'calls' | 'exitStatus'> {
  readonly entries: IniEntries;
  readonly mask: ScriptMask;
  /** Undefined before PHP has run its first script. */
  readonly exitStatus: () => ExitStatus | undefined;
  /** Runs a script of our own, from a file of that name. */
  readonly runOwn: (script: string, source: string) => Promise<Outcome>;
}

const probeScript = '/internal/probe.php';
const functionName = 'hathi_handle_request';
const outsideWorkerMode =
  'can only be called by the script of a pool in worker mode: set worker.script to it (docs/worker-mode.md)';

export class ApplicationBoot {
  readonly #parts: BootParts;
  #application: Application | undefined;
  #fields: GlobalFields | undefined;
  /** Set while the probe's script runs. */
  #onProbe: ((frame: number) => void) | undefined;

  constructor(parts: BootParts) {
    this.#parts = parts;
  }

  /** All requests are the application's while there is one. */
  get application(): Application | undefined {
    return this.#application;
  }

  /**
   * Runs the script of an application until it waits for its first request.
   *
   * @param phpVersion `8.4.25`
   * @returns why the application cannot be booted; undefined when it waits
   */
  async boot(settings: ApplicationSettings, phpVersion: string): Promise<string | undefined> {
    const { engine, log } = this.#parts;
    const exitStatus = this.#parts.exitStatus();
    if (!engine.has('zend_throw_unwind_exit') || exitStatus === undefined) {
      return `worker.script needs PHP 8.0 or later, and engine.php is ${phpVersion}`;
    }
    this.#fields ??= await this.#findFields();
    const parts = { ...this.#parts, phpVersion };
    const reset = new RequestReset(parts, this.#fields, settings.resets, (text) => log(text, 'warning'));
    const calls = new PhpCalls(engine);
    this.#application = new Application({ ...this.#parts, calls, exitStatus }, settings, reset);
    return await this.#application.boot();
  }

  /** hathi_handle_request() of a script. */
  async handle(frame: number, result: number): Promise<void> {
    if (this.#onProbe !== undefined) this.#onProbe(frame);
    else if (this.#application !== undefined) await this.#application.handle(frame, result);
    else refuseCall(this.#parts.engine, frame, outsideWorkerMode);
  }

  /** The instance is about to be restored: nothing of the application is left. */
  abandon(): void {
    this.#application?.abandon();
    this.#application = undefined;
  }

  /** Ends the application in order. */
  async leave(): Promise<void> {
    await this.#application?.leave();
  }

  /** @throws Error when a field cannot be found in this build */
  async #findFields(): Promise<GlobalFields> {
    const { engine, sapi, runOwn } = this.#parts;
    const activate = sapi.onActivate;
    let startup: Buffer = Buffer.alloc(0);
    let found: GlobalFields | Error = new Error(
      'cannot prepare worker mode: PHP does not run a script with these settings; the log has the reason',
    );
    sapi.onActivate = () => {
      startup = coreGlobals(engine);
      activate();
    };
    this.#onProbe = (frame) => {
      try {
        found = findFields(engine, frame, startup);
      } catch (error) {
        found = error as Error;
      }
    };
    await runOwn(probeScript, probeSource(functionName));
    this.#onProbe = undefined;
    sapi.onActivate = activate;
    if (found instanceof Error) throw found;
    return found;
  }
}
