/**
 * Worker mode: a script (`worker.script`) boots an application once and asks for requests by itself, with
 * hathi_handle_request(). PHP runs that script as one long request without a client, and requests inside of it
 * (request-reset.ts). The native engine does the same (native/php/loop.c).
 *
 * The script stands still in a call of hathi_handle_request() until its thread has a request. Then this class runs in
 * that call, and calls the handler as C would.
 *
 * Ways out of a handler:
 *   it returns, or throws   the response is complete, the script goes on
 *   exit                    the same; then the script ends as exit ends it
 *   a fatal error           PHP leaves the whole script, and its own end completes the response
 * After the last two the instance is restored, and the application boots anew.
 */

import { dirname } from 'node:path';
import type { ApplicationSettings, Outcome } from '../shared/protocol.ts';
import { outcomes } from '../shared/protocol.ts';
import type { ApplicationParts, ApplicationRequest } from './application-parts.ts';
import { bootRequest, defineStreams } from './application-script.ts';
import type { Engine } from './engine.ts';
import { nameText } from './hash-tables.ts';
import { lastError } from './last-error.ts';
import { callFrame, internalFunction } from './layout.ts';
import { argument } from './module-functions.ts';
import { PauseOutput } from './pause-output.ts';
import type { RequestReset } from './request-reset.ts';
import type { SapiRequest } from './sapi.ts';
import { writeValue } from './values.ts';

const phases = { booting: 'booting', waiting: 'waiting', serving: 'serving', ended: 'ended' } as const;
type Phase = (typeof phases)[keyof typeof phases];

interface Job extends ApplicationRequest {
  readonly over: PromiseWithResolvers<Outcome>;
  isAnswered: boolean;
}

export class Application {
  readonly #parts: ApplicationParts;
  readonly #settings: ApplicationSettings;
  readonly #reset: RequestReset;
  #phase: Phase = phases.booting;
  #served = 0;
  /** Beside requests. */
  readonly #output: PauseOutput;
  #job: Job | undefined;
  /** Ends the wait for a request: with one, or without when the worker is to end. */
  #wake: ((job: Job | undefined) => void) | undefined;
  readonly #booted = Promise.withResolvers<string | undefined>();
  #life: Promise<void> = Promise.resolve();

  constructor(parts: ApplicationParts, settings: ApplicationSettings, reset: RequestReset) {
    this.#parts = parts;
    this.#settings = settings;
    this.#reset = reset;
    this.#output = new PauseOutput(parts);
    parts.sapi.onAbort = () => reset.abort();
  }

  /** Runs the script until it waits for its first request. @returns why that failed; undefined when it waits */
  boot(): Promise<string | undefined> {
    this.#life = this.#live();
    this.#life.catch((error) => {
      this.#booted.reject(error);
      this.#job?.over.reject(error);
    });
    return this.#booted.promise;
  }

  /**
   * Serves a request.
   *
   * @returns when the application waits for the next one (`ok`), or its script has ended (`bailout`)
   * @throws what the engine throws when it traps
   */
  serve(request: ApplicationRequest): Promise<Outcome> {
    const job = { ...request, over: Promise.withResolvers<Outcome>(), isAnswered: false };
    this.#job = job;
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.(job);
    return job.over.promise;
  }

  /** Ends the application in order: hathi_handle_request() returns false, and the script runs to its end. */
  async leave(): Promise<void> {
    this.#wake?.(undefined);
    this.#wake = undefined;
    await this.#life;
  }

  /** The instance was restored: nothing of the application is left. */
  abandon(): void {
    this.#reset.leaveStack();
  }

  /* --- hathi_handle_request() ----------------------------------------------------------------------------------- */

  /** Waits for a request and serves it; the result is false when the worker is to end. */
  async handle(frame: number, result: number): Promise<void> {
    const { engine } = this.#parts;
    if (this.#phase === phases.serving) {
      return refuseCall(engine, frame, 'cannot be called inside of a handler: the loop around it calls it');
    }
    // PHP has thrown.
    if (!(await this.#parts.calls.isCallable(frame))) return;
    if (this.#phase === phases.booting) await this.#comeUp();
    else this.#settle();
    const job = await this.#next();
    if (job === undefined) {
      this.#phase = phases.ended;
      writeValue(engine, result, false);
      return;
    }
    const hasExited = await this.#serve(job, argument(frame, 0));
    if (hasExited && this.#settings.rebootsOnExit) engine.function('zend_throw_unwind_exit')();
    else writeValue(engine, result, true);
  }

  async #comeUp(): Promise<void> {
    await this.#reset.endBoot();
    this.#enterPause();
    this.#phase = phases.waiting;
    this.#booted.resolve(undefined);
  }

  /** The application is done with its last request. */
  #settle(): void {
    this.#phase = phases.waiting;
    this.#job?.over.resolve(outcomes.ok);
    this.#job = undefined;
  }

  #next(): Promise<Job | undefined> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  /** Serves a request from its parameters to the end of its response. @returns whether its handler has ended by exit */
  async #serve(job: Job, handler: number): Promise<boolean> {
    const { sapi, info, errors, exitStatus, script } = this.#parts;
    await this.#reset.prepare();
    this.#output.takeRest();
    script.arm();
    sapi.begin(sapiRequest(job));
    info.fill(job.request);
    this.#parts.enter(job.request, false);
    this.#phase = phases.serving;
    errors.begin();
    exitStatus.reset();
    await this.#reset.begin();
    await this.#reset.callHandler(handler);
    this.#endIfFatal();
    const ends = [await this.#settleException()];
    await exitStatus.applyErrorHeader();
    this.#parts.noteUser();
    ends.push(await this.#reset.finish(() => this.#settleException()));
    this.#endIfFatal();
    await this.#reset.end(() => {
      this.#answer(job, outcomes.ok);
      this.#enterPause();
    });
    this.#phase = phases.waiting;
    this.#served += 1;
    // Destructors may have thrown in the meantime.
    ends.push(await this.#settleException());
    return ends.includes(true);
  }

  /** PHP's message about an exception is a fatal error's, but the application goes on. @returns whether it was exit */
  async #settleException(): Promise<boolean> {
    const { errors } = this.#parts;
    const { fatal } = errors;
    const hasExited = await this.#reset.settle();
    errors.fatal = fatal;
    return hasExited;
  }

  /** Out of memory, PHP may return from a fatal error in the ordinary way. Nothing works any more then. */
  #endIfFatal(): void {
    const { engine, errors, exitStatus } = this.#parts;
    if (errors.fatal && exitStatus.value === failedStatus) engine.function('_zend_bailout')(0, 0);
  }

  #answer(job: Job, outcome: Outcome): void {
    const { sapi } = this.#parts;
    const { status } = sapi;
    const rest = sapi.end();
    job.isAnswered = true;
    const memoryInUse = this.#parts.engine.function('zend_memory_usage')(0);
    job.sink.answered?.({ outcome, status, rest, memoryInUse, ...this.#parts.figures() });
  }

  /** Between two requests output goes to the worker's log, and a head is dropped. */
  #enterPause(): void {
    this.#parts.enter(undefined);
    this.#parts.sapi.begin(this.#output.request());
  }

  /* --- the script ------------------------------------------------------------------------------------------------ */

  async #live(): Promise<void> {
    const { sapi, info, errors, exitStatus, script, engine } = this.#parts;
    const { script: path } = this.#settings;
    const request = bootRequest(path);
    errors.begin();
    sapi.begin({
      ...this.#output.request(),
      params: request.params,
      phpSelf: `/${path.split('/').at(-1)}`,
    });
    info.fill(request);
    this.#parts.enter(request);
    engine.fs.chdir(dirname(path));
    if (await script.start()) {
      exitStatus.reset();
      await defineStreams(engine);
      await script.execute(path);
    }
    await this.#end();
  }

  /** The script has ended: between requests, or in one whose response PHP's own end completes. */
  async #end(): Promise<void> {
    const { script, exitStatus } = this.#parts;
    const phase = this.#phase;
    const job = this.#job;
    if (phase === phases.booting) {
      await this.#reset.flush();
      this.#output.takeRest();
      this.#booted.resolve(this.#failure());
    } else if (phase === phases.serving) {
      this.#reset.abandon();
      await exitStatus.applyErrorHeader();
      this.#parts.noteUser();
    } else if (phase !== phases.ended) {
      this.#advise();
    }
    this.#phase = phases.ended;
    await script.shutdown();
    if (job !== undefined && !job.isAnswered) this.#answer(job, outcomes.bailout);
    else this.#output.takeRest();
    job?.over.resolve(outcomes.bailout);
  }

  /** Why the script ended before it asked for a request. */
  #failure(): string {
    const { script } = this.#settings;
    const error = lastError(this.#parts.engine);
    if (error !== undefined && (error.type & fatalLevels) !== 0) {
      return `the application of "${script}" could not be booted: ${error.message} in ${error.file} on line ${error.line}`;
    }
    const { printed: text } = this.#output;
    const printed = text === '' ? '' : `, and printed: ${text}`;
    return `the script "${script}" never called hathi_handle_request(): it ended with exit status ${this.#parts.exitStatus.value}${printed}`;
  }

  /** A script that serves one request and ends would boot for each request. */
  #advise(): void {
    if (this.#served > 1 || hasAdvised) return;
    hasAdvised = true;
    const requests = this.#served === 1 ? '1 request' : `${this.#served} requests`;
    this.#parts.log(
      `the script "${this.#settings.script}" ended after ${requests}: it is to call hathi_handle_request() in a loop, as long as that returns true`,
      'warning',
    );
  }
}

/** In this thread. */
let hasAdvised = false;

/** PHP's exit status after a fatal error. */
const failedStatus = 255;
/** E_ERROR, E_PARSE, E_CORE_ERROR, E_COMPILE_ERROR, E_USER_ERROR, E_RECOVERABLE_ERROR. */
const fatalLevels = 1 | 4 | 16 | 64 | 256 | 4096;

function sapiRequest({ request, body, sink, phpSelf }: ApplicationRequest): SapiRequest {
  return { params: request.params, phpSelf, body, sink, isHandled: true };
}

/** Throws an exception that names the running function. */
export function refuseCall(engine: Engine, frame: number, text: string): void {
  const { memory } = engine;
  const name = nameText(engine, memory.word(memory.word(frame + callFrame.function) + internalFunction.name));
  const message = memory.allocateString(`${name}() ${text}`);
  engine.function('zend_throw_exception')(
    memory.word(engine.address('spl_ce_RuntimeException')),
    message,
    0n,
  );
  engine.function('free')(message);
}
