/**
 * REQUEST_BODY_FILE: a request whose body is in a file, written by the web server (nginx: client_body_in_file_only).
 */

import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { contentLengthOf } from '../../../fastcgi/request-head.ts';
import { errorNumber } from '../../../posix/libc.ts';
import type { PhpRequest } from '../shared/protocol.ts';
import type { BodySource } from './sapi.ts';

const parameter = 'REQUEST_BODY_FILE';
/** Opening a pipe must not wait for its writer. */
const openFlags = constants.O_RDONLY | constants.O_NONBLOCK;

export class BodyFile implements BodySource {
  /** CONTENT_LENGTH, the most that PHP reads. */
  readonly contentLength: number;
  readonly #path: string;
  readonly #warn: (text: string) => void;
  #fd: number | undefined;
  #failed = false;
  #read = 0;

  private constructor(path: string, contentLength: number, warn: (text: string) => void) {
    this.#path = path;
    this.contentLength = contentLength;
    this.#warn = warn;
  }

  /**
   * The body of a request with this parameter; opened when PHP asks for it, with the rights of the pool's user.
   *
   * @param warn receives PHP-FPM's message when the file cannot be opened; the body is then empty
   */
  static of({ params }: PhpRequest, warn: (text: string) => void): BodyFile | undefined {
    // The parameter is rare, and this check runs for every request.
    const path = params.text.includes(parameter) ? params.get(parameter) : undefined;
    if (path === undefined || path === '') return undefined;
    const length = contentLengthOf([['CONTENT_LENGTH', params.get('CONTENT_LENGTH') ?? '']]);
    return new BodyFile(path, length, warn);
  }

  read(limit: number): Uint8Array {
    this.#fd ??= this.#open();
    if (this.#fd === undefined) return new Uint8Array();
    const bytes = Buffer.allocUnsafe(Math.min(limit, this.contentLength - this.#read));
    const length = readOrEnd(this.#fd, bytes);
    this.#read += length;
    return bytes.subarray(0, length);
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
    this.#failed = true;
  }

  #open(): number | undefined {
    if (this.#failed) return undefined;
    try {
      return this.#accepted(openSync(Buffer.from(this.#path, 'latin1'), openFlags));
    } catch (error) {
      this.#failed = true;
      const { strerror, errno } = errorNumber(error) ?? { strerror: String(error), errno: 0 };
      this.#warn(`${parameter}: open('${this.#path}') failed: ${strerror} (${errno})`);
      return undefined;
    }
  }

  /** A device has no end and a pipe blocks, and PHP reads on after the script. A folder reads as an empty body. */
  #accepted(fd: number): number | undefined {
    const status = fstatSync(fd);
    if (status.isFile() || status.isDirectory()) return fd;
    closeSync(fd);
    this.#failed = true;
    this.#warn(`${parameter}: '${this.#path}' is no regular file`);
    return undefined;
  }
}

/** As in PHP-FPM, an unreadable file, such as a folder, is an empty body. */
function readOrEnd(fd: number, bytes: Uint8Array): number {
  try {
    return readSync(fd, bytes);
  } catch {
    return 0;
  }
}
