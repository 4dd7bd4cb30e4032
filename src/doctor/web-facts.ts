/** How web servers hand requests to FastCGI, whatever the server's own words for it are. */

import type { Place } from '../config/directives.ts';

export type WebServerName = 'nginx' | 'Apache';

/** One place of a configuration that passes requests on. */
export interface FastcgiPass {
  readonly server: WebServerName;
  readonly place: Place;
  /** What is passed, in the server's words: `location ~ \.php$`. */
  readonly what: string;
  /** Addresses as in `listen`: a path, or `host:port`. Empty where a variable hides them. */
  readonly targets: readonly string[];
  /** The folder that is served; undefined where it is not known. */
  readonly docroot: string | undefined;
  /** Links in the path of the folder are resolved before PHP sees it ($realpath_root). */
  readonly resolvesLinks: boolean;
  /** Any client chooses the script by its path, and nobody asks whether there is such a file. */
  readonly passesMissing: boolean;
  /** Seconds that are waited for an answer; undefined where it is not known. */
  readonly readTimeout: number | undefined;
  /** Answers are taken in as fast as PHP makes them. */
  readonly buffers: boolean;
  /** Bytes for the head of an answer; undefined where it is the default of the server. */
  readonly headBuffer: number | undefined;
  /** It has a cache of answers. */
  readonly caches: boolean;
  /** Clients of other networks, without a password, come as far as this place. */
  readonly admitsStrangers: boolean;
  /** Whether they get there by a path of which there is no file, and PHP is told that path. */
  readonly reaches: (path: string) => boolean;
}
