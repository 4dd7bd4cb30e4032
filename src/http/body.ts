/** The body of a request for FastCGI, which needs the length before the first byte. */
import { randomUUID } from 'node:crypto';
import { type FileHandle, open, unlink } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Refusal } from './target.ts';

/** A request body ready for FastCGI. */
export interface RequestBody {
  /** Bytes; undefined for a request without a body. */
  readonly length: number | undefined;
  readonly chunks: AsyncIterable<Uint8Array> | undefined;
  /** Deletes the temporary file, if any. May be called at any time and repeatedly. */
  dispose(): Promise<void>;
}

/** Bytes of a chunked body kept in memory; a longer one goes to a file. */
const memoryBytes = 64 * 1024;

const tooLarge = (limit: number): Refusal => {
  return { status: 413, reason: `The request body is larger than ${limit} bytes, the limit of this server` };
};

/** Checks the length in the header alone, so that `Expect: 100-continue` prevents a useless upload. */
export function refuseByLength(request: IncomingMessage, limit: number): Refusal | undefined {
  return Number(request.headers['content-length'] ?? 0) > limit ? tooLarge(limit) : undefined;
}

/**
 * Prepares the body. With a Content-Length it streams through; a chunked body is read to its end first (RFC 3875 has no
 * body of unknown length), up to 64 KiB in memory and beyond that in an unlinked temporary file.
 *
 * @param limit - Largest size in bytes.
 */
export async function takeBody(request: IncomingMessage, limit: number): Promise<RequestBody | Refusal> {
  const announced = request.headers['content-length'];
  if (announced !== undefined) {
    const refusal = refuseByLength(request, limit);
    if (refusal) return refusal;
    return { length: Number(announced), chunks: chunksOf(request), dispose: async () => {} };
  }
  if (request.headers['transfer-encoding'] === undefined) {
    return { length: undefined, chunks: undefined, dispose: async () => {} };
  }
  return spool(request, limit);
}

async function spool(request: IncomingMessage, limit: number): Promise<RequestBody | Refusal> {
  const kept: Buffer[] = [];
  let length = 0;
  let file: FileHandle | undefined;
  try {
    for await (const chunk of chunksOf(request)) {
      length += chunk.length;
      if (length > limit) {
        await file?.close();
        return tooLarge(limit);
      }
      if (file === undefined && length <= memoryBytes) {
        kept.push(chunk);
        continue;
      }
      file ??= await namelessFile(kept.splice(0));
      await writeAll(file, chunk);
    }
  } catch (error) {
    await file?.close();
    throw error;
  }
  return file === undefined ? inMemory(kept, length) : inFile(file, length);
}

/** Leaving the loop early must keep the request alive: its connection still carries the answer. */
function chunksOf(request: IncomingMessage): AsyncIterable<Buffer> {
  return request.iterator({ destroyOnReturn: false });
}

function inMemory(kept: readonly Buffer[], length: number): RequestBody {
  return { length, chunks: toAsync(kept), dispose: async () => {} };
}

async function* toAsync(chunks: readonly Buffer[]): AsyncGenerator<Uint8Array> {
  yield* chunks;
}

function inFile(file: FileHandle, length: number): RequestBody {
  let closed: Promise<void> | undefined;
  const chunks = file.createReadStream({ start: 0, autoClose: false, highWaterMark: memoryBytes });
  return {
    length,
    chunks,
    dispose() {
      chunks.destroy();
      closed ??= file.close();
      return closed;
    },
  };
}

/** An unlinked file: closing the descriptor frees it, even after a crash. */
async function namelessFile(first: readonly Buffer[]): Promise<FileHandle> {
  const path = join(tmpdir(), `hathi-body-${randomUUID()}`);
  const file = await open(path, 'wx+', 0o600);
  await unlink(path);
  for (const chunk of first) await writeAll(file, chunk);
  return file;
}

async function writeAll(file: FileHandle, chunk: Buffer): Promise<void> {
  for (let offset = 0; offset < chunk.length; ) {
    const { bytesWritten } = await file.write(chunk, offset, chunk.length - offset, null);
    offset += bytesWritten;
  }
}
