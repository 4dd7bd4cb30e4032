import { errorCode, FastCgiError } from './errors.ts';
import { type Pair, PairsDecoder } from './pairs.ts';
import { fixedContentBytes, keepConnectionFlag, role } from './records.ts';
import type { RoleName, ServerLimits } from './server-api.ts';

/** A request without its body. */
export interface RequestHead {
  readonly id: number;
  readonly role: RoleName;
  readonly keepConnection: boolean;
  readonly params: readonly Pair[];
  readonly contentLength: number;
}

/** Collects the heads of requests, one after the other, within the limits. */
export class RequestHeadReader {
  readonly #limits: ServerLimits;
  readonly #begin = new Uint8Array(fixedContentBytes);
  #beginFilled = 0;
  #id = 0;
  #role: RoleName | undefined = 'RESPONDER';
  #keepConnection = false;
  #params: PairsDecoder | undefined;
  #paramsBytes = 0;

  constructor(limits: ServerLimits) {
    this.#limits = limits;
  }

  /** Id of the current or last request. */
  get id(): number {
    return this.#id;
  }

  /** Undefined for an unknown number. */
  get role(): RoleName | undefined {
    return this.#role;
  }

  get keepConnection(): boolean {
    return this.#keepConnection;
  }

  /** A BEGIN_REQUEST of 8 bytes follows. */
  start(id: number): void {
    this.#id = id;
    this.#beginFilled = 0;
  }

  /** Bytes of BEGIN_REQUEST. */
  pushBegin(bytes: Uint8Array): void {
    this.#begin.set(bytes, this.#beginFilled);
    this.#beginFilled += bytes.length;
  }

  /** BEGIN_REQUEST is complete: its fields are readable, parameters follow. */
  endBegin(): void {
    const begin = readBegin(this.#begin);
    this.#role = begin.role;
    this.#keepConnection = begin.keepConnection;
    this.#params = new PairsDecoder({ bytes: this.#limits.paramsBytes, count: this.#limits.paramsCount });
    this.#paramsBytes = 0;
  }

  /** A record of parameters follows. @returns an error above the limit of bytes */
  announceParams(bytes: number): FastCgiError | undefined {
    this.#paramsBytes += bytes;
    if (this.#paramsBytes <= this.#limits.paramsBytes) return undefined;
    const text = `Cannot take ${this.#paramsBytes} bytes of parameters: at most ${this.#limits.paramsBytes}`;
    return new FastCgiError(errorCode.paramsTooLarge, text);
  }

  /** Bytes of parameters. */
  pushParams(bytes: Uint8Array): FastCgiError | undefined {
    return this.#params!.push(bytes);
  }

  /** The parameters are complete. */
  end(): RequestHead | FastCgiError {
    const decoder = this.#params!;
    this.#params = undefined;
    const failure = decoder.finish();
    if (failure !== undefined) return failure;
    const contentLength = contentLengthOf(decoder.pairs);
    const most = this.#limits.bodyBytes;
    if (most !== undefined && contentLength > most) {
      const text = `Cannot take a body of ${contentLength} bytes: at most ${most} are allowed`;
      return new FastCgiError(errorCode.bodyTooLarge, text);
    }
    return {
      id: this.#id,
      role: this.#role!,
      keepConnection: this.#keepConnection,
      params: decoder.pairs,
      contentLength,
    };
  }
}

/** @returns the fields of BEGIN_REQUEST; `role` is undefined for an unknown number. */
function readBegin(content: Uint8Array): { role: RoleName | undefined; keepConnection: boolean } {
  return {
    role: roleName((content[0]! << 8) | content[1]!),
    keepConnection: (content[2]! & keepConnectionFlag) !== 0,
  };
}

function roleName(number: number): RoleName | undefined {
  switch (number) {
    case role.responder:
      return 'RESPONDER';
    case role.authorizer:
      return 'AUTHORIZER';
    case role.filter:
      return 'FILTER';
    default:
      return undefined;
  }
}

/** The last CONTENT_LENGTH, parsed as C's atol does; negative counts as 0 (PHP-FPM: as unlimited). */
export function contentLengthOf(params: readonly Pair[]): number {
  const text = params.findLast(([name]) => name === 'CONTENT_LENGTH')?.[1] ?? '';
  const digits = /^[ \t\n\v\f\r]*\+?(\d+)/.exec(text)?.[1] ?? '0';
  return Math.min(Number(digits), Number.MAX_SAFE_INTEGER);
}
