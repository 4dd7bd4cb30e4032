/** The parts of an instance that a booted application uses, and a request for it. */

import type { LogLevel, PhpRequest } from '../shared/protocol.ts';
import type { PhpCalls } from './calls.ts';
import type { Engine } from './engine.ts';
import type { ErrorWatch } from './errors.ts';
import type { ExitStatus } from './exit-status.ts';
import type { RunResult } from './instance-settings.ts';
import type { RequestInfo } from './request-info.ts';
import type { BodySource, ResponseSink, Sapi } from './sapi.ts';
import type { ScriptRun } from './script-run.ts';
import type { OutputStream } from './streams.ts';

/** A request for the application. */
export interface ApplicationRequest {
  readonly request: PhpRequest;
  readonly body: BodySource;
  readonly sink: ResponseSink;
  readonly phpSelf: string;
}

/** The instance as the application uses it. */
export interface ApplicationParts {
  readonly engine: Engine;
  readonly calls: PhpCalls;
  readonly sapi: Sapi;
  readonly info: RequestInfo;
  readonly script: ScriptRun;
  readonly errors: ErrorWatch;
  readonly exitStatus: ExitStatus;
  readonly output: OutputStream;
  readonly log: (text: string, level: LogLevel) => void;
  /** A message of PHP beside requests. */
  readonly phpLog: (bytes: Uint8Array<ArrayBuffer>) => void;
  /** A request begins inside PHP, or none; `isWhole` unless it is one of a booted application. */
  readonly enter: (request: PhpRequest | undefined, isWhole?: boolean) => void;
  /** The script is done: takes the request's user, before PHP lets go of it. */
  readonly noteUser: () => void;
  /** Peak of memory, and user, of the request that PHP has just let go. */
  readonly figures: () => Pick<RunResult, 'memoryPeak' | 'user'>;
}
