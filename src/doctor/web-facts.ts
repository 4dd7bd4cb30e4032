/** How web servers pass requests to FastCGI, independent of the server's own terms. */

import type { Place } from '../config/directives.ts';

export type WebServerName = 'nginx' | 'Apache';

/** One place of a configuration that passes requests on. */
export interface FastcgiPass {
  readonly server: WebServerName;
  readonly place: Place;
  /** The passing place, in the server's terms: `location ~ \.php$`. */
  readonly what: string;
  /** Addresses in the form of `listen`: a path, or `host:port`. Empty if a variable hides them. */
  readonly targets: readonly string[];
  /** The served folder; undefined when unknown. */
  readonly docroot: string | undefined;
  /** Links in the folder's path are resolved before PHP sees it ($realpath_root). */
  readonly resolvesLinks: boolean;
  /** Clients choose the script by its path, without a check that it exists. */
  readonly passesMissing: boolean;
  /** Time limit for an answer in seconds; undefined when unknown. */
  readonly readTimeout: number | undefined;
  /** Answers are read as fast as PHP produces them. */
  readonly buffers: boolean;
  /** Buffer for the head of an answer in bytes; undefined for the server's default. */
  readonly headBuffer: number | undefined;
  /** It caches answers. */
  readonly caches: boolean;
  /** Clients of other networks reach this place without a password. */
  readonly admitsStrangers: boolean;
  /** Classes of directives that `.htaccess` files may have in a folder (AllowOverride); empty: they are not read. */
  readonly overrides: (folder: string) => ReadonlySet<string>;
  /** Whether they reach it by a path without a file, and PHP receives that path. */
  readonly reaches: (path: string) => boolean;
}
