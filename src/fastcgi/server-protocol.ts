import { BodyMeter } from './body-meter.ts';
import { errorCode, FastCgiError, type FastCgiErrorCode } from './errors.ts';
import { ManagementAnswers } from './management.ts';
import { RecordParser } from './parser.ts';
import {
  fixedContentBytes,
  managementId,
  protocolStatus,
  type RecordHeader,
  recordType,
  recordTypeName,
} from './records.ts';
import { RefusedRequests } from './refused-requests.ts';
import { type RequestHead, RequestHeadReader } from './request-head.ts';
import type { ServerLimits } from './server-api.ts';
import { endRequest } from './writer.ts';

/** Actions of the protocol. Each may call back into the protocol. */
export interface ProtocolActions {
  requestStarted(): void;
  requestAbandoned(): void;
  request(head: RequestHead): void;
  bodyChunk(bytes: Uint8Array): void;
  bodyEnd(complete: boolean): void;
  /** ABORT_REQUEST for the running request. */
  aborted(): void;
  /** Bytes for the peer; with `thenClose` the connection closes afterwards. */
  reply(bytes: Uint8Array, thenClose: boolean): void;
  failed(error: FastCgiError): void;
}

const phase = {
  /** Between requests. */
  idle: 'idle',
  /** The header of BEGIN_REQUEST has arrived, its content is due. */
  begin: 'begin',
  params: 'params',
  /** The application handles the request. */
  running: 'running',
  /** No further request is read. The rest of the last one may still be read, for a clean close. */
  closed: 'closed',
} as const;
export type ProtocolPhase = (typeof phase)[keyof typeof phase];

/** Destination of the current record's content. */
type Use = 'drop' | 'begin' | 'params' | 'management' | 'body';

/**
 * The server side of one connection as a state machine without input and output: bytes in, actions out. The owner feeds
 * input with push() and calls run() after any change that may unblock it.
 */
export class ServerProtocol {
  readonly #actions: ProtocolActions;
  readonly #parser = new RecordParser();
  #phase: ProtocolPhase = phase.idle;
  #running = false;
  #use: Use = 'drop';
  #header: RecordHeader | undefined;
  readonly #management: ManagementAnswers;
  readonly #head: RequestHeadReader;
  #body = new BodyMeter(0);
  #inputEnded = false;
  /** Closed after a response: skips records up to the end of the request's STDIN. */
  #draining = false;
  readonly #refused = new RefusedRequests();
  /** BEGIN_REQUEST of a request sent behind the running one under the same id: it waits for the running one. */
  #next: RecordHeader | undefined;

  /** The application waits for body bytes. */
  bodyWanted = false;
  /** Replies wait for the peer to read. Meanwhile no record is read, or a peer that only asks would grow our memory. */
  repliesBlocked = false;

  constructor(actions: ProtocolActions, limits: ServerLimits) {
    this.#actions = actions;
    this.#head = new RequestHeadReader(limits);
    this.#management = new ManagementAnswers(limits);
  }

  get phase(): ProtocolPhase {
    return this.#phase;
  }

  /** True before the first byte of a next request. */
  get isIdle(): boolean {
    return this.#phase === phase.idle && this.#parser.atBoundary;
  }

  /** True when input waits for the application or the peer, so reading must pause. */
  get isBlocked(): boolean {
    return this.repliesBlocked || this.#next !== undefined || this.#bodyHeld();
  }

  /** True while body bytes are due that the application asked for. */
  get awaitsBody(): boolean {
    return this.#phase === phase.running && this.bodyWanted && !this.#body.endTold;
  }

  /** True when the client has sent its whole request: a close cannot cross input. */
  get inputConsumed(): boolean {
    return this.#inputEnded || (this.#body.streamEnded && this.#parser.atBoundary);
  }

  push(bytes: Uint8Array): void {
    if (this.#phase !== phase.closed || this.#draining) this.#parser.feed(bytes);
  }

  /** The peer will send nothing more (a half-close; its request continues). */
  endInput(): void {
    this.#inputEnded = true;
  }

  /** Discards all further input. */
  close(): void {
    this.#phase = phase.closed;
  }

  /**
   * The application ended its response.
   * @param mayReuse false when the owner wants no further request.
   * @returns true when the connection may serve another request: the client asked for it and the body was read to its
   *   end.
   */
  finishRequest(mayReuse = true): boolean {
    const reusable =
      mayReuse &&
      this.#head.keepConnection &&
      this.#body.leavesNothing &&
      (!this.#inputEnded || this.#next !== undefined) &&
      // The FCGI_DATA of a filter is dropped while it runs and may be unread at its end.
      this.#head.role !== 'FILTER';
    this.#phase = reusable ? phase.idle : phase.closed;
    this.#draining = !reusable;
    this.bodyWanted = false;
    if (this.#use === 'body') this.#use = 'drop';
    const next = this.#next;
    this.#next = undefined;
    if (reusable && next !== undefined) this.#onBegin(next);
    return reusable;
  }

  /** Processes input until it is used up or blocked. A nested call leaves the work to the outer one. */
  run(): void {
    if (this.#running) return;
    this.#running = true;
    try {
      while (this.#phase !== phase.closed && !this.isBlocked && this.#step());
      while (this.#draining && this.#drainStep());
    } finally {
      this.#running = false;
    }
  }

  /** @returns false when it needs more input. */
  #step(): boolean {
    const event = this.#parser.next();
    if (event === undefined) return this.#atInputEnd();
    switch (event.kind) {
      case 'header':
        this.#header = event.header;
        this.#onHeader(event.header);
        return true;
      case 'content':
        this.#onContent(event.bytes);
        return true;
      case 'end':
        this.#onRecordEnd();
        return true;
      case 'error':
        this.#fail(event.error);
        return false;
      default:
        throw new Error(`Cannot handle a record event: unknown kind "${(event as { kind: string }).kind}"`);
    }
  }

  /** @returns false when it needs more input. */
  #drainStep(): boolean {
    const event = this.#parser.next();
    if (event?.kind === 'header' && isEndOf(recordType.stdin, event.header, this.#head.id)) {
      this.#body.streamEnded = true;
    }
    this.#draining = event?.kind !== 'error';
    return event !== undefined && this.#draining;
  }

  #atInputEnd(): boolean {
    if (!this.#inputEnded) return false;
    if (this.#phase === phase.running) {
      this.#endBody();
    } else if (this.#phase !== phase.idle || !this.#parser.atBoundary) {
      this.#fail(
        error(errorCode.unexpectedEnd, 'Cannot read a request: the peer ended the connection inside it'),
      );
    }
    return false;
  }

  #onHeader(header: RecordHeader): void {
    this.#use = 'drop';
    if (header.id === managementId || header.type === recordType.getValues) this.#onManagement(header);
    else if (header.type === recordType.beginRequest) this.#onBegin(header);
    else if (header.id === this.#head.id && this.#phase === phase.params) this.#onParamsPhase(header);
    else if (header.id === this.#head.id && this.#phase === phase.running) this.#onRunning(header);
    else this.#onInactive(header);
  }

  #onManagement(header: RecordHeader): void {
    this.#use = 'management';
    this.#failIf(this.#management.begin(header));
  }

  #onBegin(header: RecordHeader): void {
    if (header.contentLength !== fixedContentBytes) {
      const text = `Cannot begin a request: content of BEGIN_REQUEST is "${header.contentLength}" bytes, must be 8`;
      this.#fail(error(errorCode.badBeginLength, text));
    } else if (this.#phase === phase.idle) {
      this.#refused.forget(header.id);
      this.#head.start(header.id);
      this.#phase = phase.begin;
      this.#use = 'begin';
    } else if (header.id === this.#head.id) {
      if (this.#phase === phase.running && this.#body.streamEnded) this.#next = header;
      else this.#fail(unexpected(header, this.#phase));
    } else if (!this.#failIf(this.#refused.add(header.id))) {
      this.#actions.reply(endRequest(header.id, 0, protocolStatus.cannotMultiplex), false);
    }
  }

  #onParamsPhase(header: RecordHeader): void {
    if (header.type === recordType.abortRequest) {
      this.#phase = phase.idle;
      this.#actions.requestAbandoned();
      this.#actions.reply(
        endRequest(this.#head.id, 0, protocolStatus.requestComplete),
        !this.#head.keepConnection,
      );
    } else if (header.type !== recordType.params) {
      this.#fail(unexpected(header, this.#phase));
    } else if (header.contentLength > 0) {
      this.#use = 'params';
      this.#failIf(this.#head.announceParams(header.contentLength));
    }
  }

  #onRunning(header: RecordHeader): void {
    switch (header.type) {
      case recordType.abortRequest:
        this.#actions.aborted();
        return;
      case recordType.stdin:
        if (this.#body.streamEnded) this.#fail(unexpected(header, 'after the end of STDIN'));
        else if (header.contentLength === 0) this.#body.streamEnded = true;
        else this.#use = 'body';
        this.#body.announce(header.contentLength);
        return;
      case recordType.data:
        if (this.#head.role !== 'FILTER') this.#fail(unexpected(header, this.#phase));
        return;
      default:
        this.#fail(unexpected(header, this.#phase));
    }
  }

  /** Records of a request that is not running: refused, just ended, or never begun. */
  #onInactive(header: RecordHeader): void {
    if (this.#refused.skips(header)) return;
    // The specification says to ignore records of inactive ids. Between requests that rule would let an unread body
    // pass for a request, so there only the possible remains of a finished request are skipped.
    if (this.#phase !== phase.idle) return;
    if (header.type === recordType.stdin && header.contentLength === 0) return;
    if (header.type === recordType.abortRequest) return;
    this.#fail(unexpected(header, this.#phase));
  }

  #onContent(bytes: Uint8Array): void {
    switch (this.#use) {
      case 'drop':
        return;
      case 'begin':
        this.#head.pushBegin(bytes);
        return;
      case 'params':
        this.#failIf(this.#head.pushParams(bytes));
        return;
      case 'management':
        this.#failIf(this.#management.push(bytes));
        return;
      case 'body':
        this.#onBodyBytes(bytes);
        return;
      default:
        throw new Error(`Cannot use the content of a record: unknown use "${String(this.#use)}"`);
    }
  }

  #onBodyBytes(bytes: Uint8Array): void {
    const wanted = this.#body.take(bytes);
    if (wanted.length === 0) return;
    this.#actions.bodyChunk(wanted);
    if (this.#body.complete) this.#endBody();
  }

  #onRecordEnd(): void {
    const header = this.#header!;
    if (this.#use === 'begin') this.#takeBegin();
    else if (this.#use === 'management') this.#answerManagement();
    else if (this.#phase === phase.params && isEndOf(recordType.params, header, this.#head.id))
      this.#takeParams();
    else if (this.#phase === phase.running && isEndOf(recordType.stdin, header, this.#head.id))
      this.#endBody();
  }

  #takeBegin(): void {
    this.#head.endBegin();
    if (this.#head.role === undefined) {
      this.#phase = phase.idle;
      if (this.#failIf(this.#refused.add(this.#head.id))) return;
      const refusal = endRequest(this.#head.id, 0, protocolStatus.unknownRole);
      this.#actions.reply(refusal, !this.#head.keepConnection);
      return;
    }
    this.bodyWanted = false;
    this.#phase = phase.params;
    this.#actions.requestStarted();
  }

  #takeParams(): void {
    const head = this.#head.end();
    if (head instanceof FastCgiError) {
      this.#fail(head);
      return;
    }
    this.#body = new BodyMeter(head.contentLength);
    this.#phase = phase.running;
    this.#actions.request(head);
  }

  #answerManagement(): void {
    const answer = this.#management.end();
    if (answer instanceof FastCgiError) this.#fail(answer);
    else this.#actions.reply(answer, false);
  }

  /** Body content is held that the application does not want yet. Surplus is always wanted: it is dropped. */
  #bodyHeld(): boolean {
    return this.#phase === phase.running && this.#use === 'body' && !this.bodyWanted && !this.#body.complete;
  }

  #endBody(): void {
    // Nobody waits for this end yet; requestBody reports it later.
    if (this.#body.endTold || !this.bodyWanted) return;
    this.#body.endTold = true;
    this.#actions.bodyEnd(this.#body.complete);
  }

  /** The application asks for the body: reports an end reached earlier, then continues reading. */
  requestBody(): void {
    if (this.#phase !== phase.running) return;
    this.bodyWanted = true;
    if (this.#body.complete || this.#body.streamEnded) this.#endBody();
    this.run();
  }

  #failIf(failure: FastCgiError | undefined): boolean {
    if (failure === undefined) return false;
    this.#fail(failure);
    return true;
  }

  #fail(failure: FastCgiError): void {
    this.#phase = phase.closed;
    this.#actions.failed(failure);
  }
}

function isEndOf(type: number, header: RecordHeader, id: number): boolean {
  return header.type === type && header.id === id && header.contentLength === 0;
}

function unexpected(header: RecordHeader, where: string): FastCgiError {
  const text = `Cannot take ${recordTypeName(header.type)} (request id ${header.id}, ${header.contentLength} bytes) in state "${where}"`;
  return error(errorCode.unexpectedRecord, text);
}

function error(code: FastCgiErrorCode, message: string): FastCgiError {
  return new FastCgiError(code, message);
}
