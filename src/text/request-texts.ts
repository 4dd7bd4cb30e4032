/** Texts of a request; a client, its web server and a script may put anything into them. */

import { asBinary, type BinaryString } from './binary.ts';

export interface RequestTexts {
  /** Empty when the request has none. */
  readonly method: BinaryString;
  /** URI of the script, without query. */
  readonly uri: BinaryString;
  /** Requested path, without query. */
  readonly path: BinaryString;
  readonly query: BinaryString;
  /** SCRIPT_FILENAME of the script, empty without one. */
  readonly script: BinaryString;
  /** User of HTTP authentication, or empty. */
  readonly user: BinaryString;
  /** Empty without an id. */
  readonly requestId: BinaryString;
}

const empty = asBinary('');

/** Texts without a request. */
export const noRequestTexts: RequestTexts = {
  method: empty,
  uri: empty,
  path: empty,
  query: empty,
  script: empty,
  user: empty,
  requestId: empty,
};
