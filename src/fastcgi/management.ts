import { errorCode, FastCgiError } from './errors.ts';
import { PairsDecoder } from './pairs.ts';
import { type RecordHeader, recordType, recordTypeName } from './records.ts';
import type { ServerLimits } from './server-api.ts';
import { getValuesResult, unknownType } from './writer.ts';

/** A longer GET_VALUES record cannot ask for anything that exists. */
const valuesLimits = { bytes: 1024, count: 32 };

/**
 * Answers management records: GET_VALUES with the requested values that are known, every other type with UNKNOWN_TYPE.
 */
export class ManagementAnswers {
  readonly #limits: ServerLimits;
  #type = 0;
  #asked = new PairsDecoder(valuesLimits);

  constructor(limits: ServerLimits) {
    this.#limits = limits;
  }

  /** A record starts. @returns the reason for a refusal, or undefined. */
  begin(header: RecordHeader): FastCgiError | undefined {
    this.#type = header.type;
    if (header.type === recordType.getValues) {
      this.#asked = new PairsDecoder(valuesLimits);
      if (header.contentLength <= valuesLimits.bytes) return undefined;
      const text = `Cannot answer GET_VALUES of ${header.contentLength} bytes: at most ${valuesLimits.bytes}`;
      return new FastCgiError(errorCode.managementTooLarge, text);
    }
    if (header.type < recordType.beginRequest || header.type > recordType.data) return undefined;
    const text = `Cannot take ${recordTypeName(header.type)} with request id "0": it must not be 0`;
    return new FastCgiError(errorCode.badRequestId, text);
  }

  /** Content of the record; ignored for an unknown type. */
  push(bytes: Uint8Array): FastCgiError | undefined {
    return this.#type === recordType.getValues ? this.#asked.push(bytes) : undefined;
  }

  /** The record ends. @returns the reply, or the error of a record that ended inside a pair. */
  end(): Uint8Array | FastCgiError {
    if (this.#type !== recordType.getValues) return unknownType(this.#type);
    const error = this.#asked.finish();
    if (error !== undefined) return error;
    const known: [string, string][] = [
      ['FCGI_MAX_CONNS', String(this.#limits.maxConnections)],
      ['FCGI_MAX_REQS', String(this.#limits.maxRequests)],
      ['FCGI_MPXS_CONNS', '0'],
    ];
    const names = new Set(this.#asked.pairs.map(([name]) => name));
    return getValuesResult(known.filter(([name]) => names.has(name)));
  }
}
