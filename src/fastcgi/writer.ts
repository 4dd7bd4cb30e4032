import { Buffer } from 'node:buffer';
import { encodePairs, type Pair, pairBytes } from './pairs.ts';
import {
  alignedContentBytes,
  fixedContentBytes,
  headerBytes,
  keepConnectionFlag,
  managementId,
  maxContentBytes,
  paddingFor,
  putHeader,
  recordType,
} from './records.ts';

/** Up to this size content is copied beside its header (one buffer); larger content is sent without a copy. */
const copyLimitBytes = 4096;

const padding = new Uint8Array(8);

/**
 * Records for a piece of a stream. An empty piece makes no record, because that would end the stream.
 * @returns buffers to be written in order; large contents are views of `bytes`.
 */
export function streamRecords(type: number, id: number, bytes: Uint8Array): Uint8Array[] {
  const out: Uint8Array[] = [];
  for (let offset = 0; offset < bytes.length; offset += alignedContentBytes) {
    const content = bytes.subarray(offset, offset + alignedContentBytes);
    if (content.length <= copyLimitBytes) {
      out.push(record(type, id, content));
      continue;
    }
    const header = Buffer.allocUnsafe(headerBytes);
    const paddingLength = paddingFor(content.length);
    putHeader(header, 0, type, id, content.length, paddingLength);
    out.push(header, content);
    if (paddingLength > 0) out.push(padding.subarray(0, paddingLength));
  }
  return out;
}

/** One whole record, padded to a multiple of 8 with zeros. `content` is at most 65535 bytes. */
export function record(type: number, id: number, content: Uint8Array): Buffer {
  if (content.length > maxContentBytes) {
    throw new RangeError(`Cannot make a record of ${content.length} bytes: at most ${maxContentBytes} fit`);
  }
  const paddingLength = paddingFor(content.length);
  const target = Buffer.allocUnsafe(headerBytes + content.length + paddingLength);
  putHeader(target, 0, type, id, content.length, paddingLength);
  target.set(content, headerBytes);
  target.fill(0, headerBytes + content.length);
  return target;
}

/** The empty record that ends a stream. */
export function endOfStream(type: number, id: number): Buffer {
  const target = Buffer.allocUnsafe(headerBytes);
  putHeader(target, 0, type, id, 0, 0);
  return target;
}

export function endRequest(id: number, appStatus: number, status: number): Buffer {
  const target = Buffer.alloc(headerBytes + fixedContentBytes);
  putHeader(target, 0, recordType.endRequest, id, fixedContentBytes, 0);
  target.writeUInt32BE(appStatus >>> 0, headerBytes);
  target[headerBytes + 4] = status;
  return target;
}

/** The end of a response in one buffer: end of STDOUT, end of STDERR if used, END_REQUEST. */
export function endOfResponse(id: number, appStatus: number, status: number, stderrUsed: boolean): Buffer {
  const parts = [endOfStream(recordType.stdout, id)];
  if (stderrUsed) parts.push(endOfStream(recordType.stderr, id));
  parts.push(endRequest(id, appStatus, status));
  return Buffer.concat(parts);
}

export function unknownType(type: number): Buffer {
  const target = Buffer.alloc(headerBytes + fixedContentBytes);
  putHeader(target, 0, recordType.unknownType, managementId, fixedContentBytes, 0);
  target[headerBytes] = type;
  return target;
}

export function getValuesResult(pairs: Iterable<Pair>): Buffer {
  return record(recordType.getValuesResult, managementId, encodePairs(pairs));
}

export function beginRequest(id: number, role: number, keepConnection: boolean): Buffer {
  const target = Buffer.alloc(headerBytes + fixedContentBytes);
  putHeader(target, 0, recordType.beginRequest, id, fixedContentBytes, 0);
  target.writeUInt16BE(role, headerBytes);
  target[headerBytes + 2] = keepConnection ? keepConnectionFlag : 0;
  return target;
}

export function abortRequest(id: number): Buffer {
  return endOfStream(recordType.abortRequest, id);
}

/**
 * The whole PARAMS stream with its end. A pair stays within one record wherever it fits, because PHP-FPM refuses a pair
 * that crosses a boundary; only a pair larger than a record is split.
 */
export function paramsRecords(id: number, pairs: Iterable<Pair>): Uint8Array[] {
  const out: Uint8Array[] = [];
  let group: Pair[] = [];
  let groupBytes = 0;
  const flush = (): void => {
    if (group.length > 0) out.push(...streamRecords(recordType.params, id, encodePairs(group)));
    group = [];
    groupBytes = 0;
  };
  for (const pair of pairs) {
    const size = pairBytes(pair);
    if (groupBytes + size > alignedContentBytes) flush();
    group.push(pair);
    groupBytes += size;
  }
  flush();
  out.push(endOfStream(recordType.params, id));
  return out;
}
