/** The host's end of the control channel: messages in both directions, and the status questions. */

import { closeSync, fstatSync, readSync } from 'node:fs';
import { Socket } from 'node:net';
import { receiveDescriptor } from '../../../posix/descriptors.ts';
import { asBinary, binaryOf, bytesOf } from '../../../text/binary.ts';
import {
  ContractError,
  encodeMessage,
  hostFd,
  type Message,
  MessageDecoder,
  maxPayloadBytes,
} from '../../contract.ts';
import type { HostLogLevel } from '../../message-words.ts';

/** A status page from the master. */
export interface StatusReply {
  readonly status: number;
  /** Header lines, an empty line, the body. */
  readonly bytes: Uint8Array;
}

export interface MasterLinkEvents {
  onMessage(message: Message): void;
  /** The channel closed, or carried an invalid message. */
  onGone(reason: ContractError | undefined): void;
}

/** Bytes of log lines that wait for the next master. */
const mostKeptBytes = 64 * 1024;

/** Time for the master to send a status page. */
const statusLimitMs = 2000;

interface Question {
  readonly query: string;
  readonly answer: (reply: StatusReply | undefined) => void;
}

export class MasterLink {
  readonly #events: MasterLinkEvents;
  /** Undefined without a master. */
  #socket: Socket | undefined;
  /** Log lines for the next master, encoded, and number of those that were too many. */
  #kept: Buffer[] = [];
  #keptBytes = 0;
  #dropped = 0;
  /** Questions sent to the master, by id; and those that wait for an answer to one of them. */
  readonly #open = new Map<string, Question>();
  readonly #waiting = new Set<Question>();
  /** Answers questions while there is no master. */
  #answerAlone: (query: string) => StatusReply | undefined = () => undefined;
  /** Maximum of open questions. */
  #mostOpen = 1;
  #lastQuestion = 0;

  constructor(events: MasterLinkEvents, fd: number = hostFd.control) {
    this.#events = events;
    this.attach(fd);
  }

  /** Speaks to a master over that channel from now on. */
  attach(fd: number): void {
    // After the master hangs up, it still reads earlier output of workers.
    const socket = new Socket({ fd, readable: true, writable: true, allowHalfOpen: true });
    const decoder = new MessageDecoder();
    this.#socket = socket;
    const gone = (reason: ContractError | undefined): void => {
      if (this.#socket === socket) this.#events.onGone(reason);
    };
    socket.on('error', () => socket.destroy());
    socket.on('end', () => gone(undefined));
    socket.on('close', () => gone(undefined));
    socket.on('data', (bytes: Buffer) => {
      try {
        for (const message of decoder.push(bytes)) this.#receive(message, this.#events);
      } catch (error) {
        if (!(error instanceof ContractError)) throw error;
        gone(error);
      }
    });
  }

  /**
   * There is no master: log lines are kept for the next one, up to a bound.
   *
   * @param answerAlone answers questions, those included that the last master left open
   */
  detach(answerAlone: (query: string) => StatusReply | undefined): void {
    this.#socket?.destroy();
    this.#socket = undefined;
    this.#answerAlone = answerAlone;
    for (const { query, answer } of [...this.#open.values(), ...this.#waiting]) answer(answerAlone(query));
    this.#open.clear();
    this.#waiting.clear();
  }

  /** Passes what was kept to the next master. */
  tellKept(): void {
    for (const bytes of this.#kept.splice(0)) this.#socket?.write(bytes);
    if (this.#dropped > 0)
      this.log('warning', `${this.#dropped} further lines were dropped while there was no master`);
    this.#keptBytes = 0;
    this.#dropped = 0;
  }

  send(words: readonly string[], payload?: Uint8Array | string): void {
    if (this.#socket === undefined) this.#keep(words, payload);
    else if (this.#socket.writable) this.#socket.write(encodeMessage(words, payload));
  }

  /** The next master does not know who wrote output: it becomes lines of the log. */
  #keep(words: readonly string[], payload: Uint8Array | string = ''): void {
    const [verb, , pid, stream] = words;
    if (verb === 'log') this.#keepLine(encodeMessage(words, payload));
    if (verb !== 'output') return;
    for (const line of binaryOf(Buffer.from(payload)).split('\n')) {
      const text = bytesOf(asBinary(`child ${pid} said into ${stream}: "${line}"`));
      if (line !== '') this.#keepLine(encodeMessage(['log', 'warning'], text));
    }
  }

  #keepLine(bytes: Buffer): void {
    if (this.#keptBytes + bytes.length > mostKeptBytes) {
      this.#dropped += 1;
      return;
    }
    this.#kept.push(bytes);
    this.#keptBytes += bytes.length;
  }

  /** A message of the host itself for the error log. */
  log(level: HostLogLevel, text: string): void {
    this.send(['log', level], Buffer.from(text).subarray(0, maxPayloadBytes));
  }

  /** @param count number of the pool's slots, the maximum of open questions */
  allowQuestions(count: number): void {
    this.#mostOpen = count;
  }

  /** Asks the master for the pool's status page; undefined when it has none or answers late. */
  askStatus(query: string): Promise<StatusReply | undefined> {
    if (this.#socket === undefined) return Promise.resolve(this.#answerAlone(query));
    return new Promise((resolve) => {
      const question: Question = {
        query,
        answer: (reply) => {
          clearTimeout(timer);
          resolve(reply);
        },
      };
      // A question sent to the master stays open: its answer will still arrive.
      const timer = setTimeout(() => {
        this.#waiting.delete(question);
        resolve(undefined);
      }, statusLimitMs);
      this.#waiting.add(question);
      this.#askNext();
    });
  }

  #askNext(): void {
    const [question] = this.#waiting;
    if (question === undefined || this.#open.size >= this.#mostOpen) return;
    this.#waiting.delete(question);
    const id = String(++this.#lastQuestion);
    this.#open.set(id, question);
    this.send(['status', id], Buffer.from(question.query, 'latin1').subarray(0, maxPayloadBytes));
  }

  /** Resolves when all messages have been sent, or can no longer be sent. */
  flushed(): Promise<void> {
    return new Promise((resolve) => {
      const socket = this.#socket;
      if (socket === undefined) return resolve();
      socket.once('close', () => resolve());
      if (socket.destroyed) resolve();
      else socket.end(() => resolve());
    });
  }

  #receive(message: Message, events: MasterLinkEvents): void {
    const [verb, id = '', status = ''] = message.words;
    switch (verb) {
      case 'alive':
        this.send(['alive', id]);
        return;
      case 'status-reply':
        if (!/^\d{3}$/.test(status)) throw new ContractError(`the master sent the status code "${status}"`);
        this.#answer(id, this.#receivePage(Number(status)));
        return;
      case 'no-status':
        this.#answer(id, undefined);
        return;
      default:
        events.onMessage(message);
    }
  }

  #receivePage(status: number): StatusReply | undefined {
    try {
      return { status, bytes: receivePage() };
    } catch (error) {
      this.log('error', `cannot receive the status page: ${(error as Error).message}`);
      return undefined;
    }
  }

  /** A late answer has no question. */
  #answer(id: string, reply: StatusReply | undefined): void {
    this.#open.get(id)?.answer(reply);
    this.#open.delete(id);
    this.#askNext();
  }
}

/** The file that the master passed before the line. */
function receivePage(): Uint8Array {
  const fd = receiveDescriptor(hostFd.descriptors);
  try {
    const page = Buffer.alloc(fstatSync(fd).size);
    for (let at = 0; at < page.length; ) {
      const got = readSync(fd, page, at, page.length - at, at);
      if (got === 0) break;
      at += got;
    }
    return page;
  } finally {
    closeSync(fd);
  }
}
