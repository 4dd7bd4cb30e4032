/** The texts of a request, which a client, its web server and a script may fill with anything. */

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

/** Of no request. */
export const noRequestTexts: RequestTexts = {
  method: empty,
  uri: empty,
  path: empty,
  query: empty,
  script: empty,
  user: empty,
  requestId: empty,
};
