/**
 * Giving way to another master, and coming after one. The one that goes passes its listening sockets, lets its hosts go
 * once the other is prepared, and ends when that one serves; they meet at the hosts' folder (host-survival.ts). A
 * failure until then gives everything back.
 */

import type { Configuration } from '../config/directives.ts';
import type { SocketsBefore } from './resources.ts';

/** The master before this one, which still acts. */
export interface Predecessor {
  readonly sockets: SocketsBefore;
  /** Pools that it serves: none of them may fail here. */
  readonly serves: ReadonlySet<string>;
  /**
   * Everything is opened; settles when the hosts are free.
   *
   * @throws Error when the other has changed its mind or is gone
   */
  prepared(): Promise<void>;
  /** The pools serve; settles when the other one is gone or on its way. */
  serving(): Promise<void>;
}

/** Another program that is to be the master. */
export interface Successor {
  readonly pid: number;
  /** Of Hathi. */
  readonly version: string;
  /**
   * Passes the sockets and waits until it has opened everything.
   *
   * @throws Error with the reason in words for the operator; it is gone then
   */
  prepare(sockets: SocketsBefore, serves: readonly string[]): Promise<void>;
  /**
   * The hosts are free: waits until it serves.
   *
   * @throws as above
   */
  takeOver(limitMs: number): Promise<void>;
  /** It is the master from now on. */
  release(): void;
  /** Ends it, whatever it does; settles when it is gone. */
  end(): Promise<void>;
}

/** How a master ends: undefined after an order to stop or a fault of its own. */
export type MasterEnd =
  | undefined
  /** Another process is the master. */
  | { readonly type: 'replaced' }
  /** The other one failed: this process has to start a master again, on what it had. */
  | {
      readonly type: 'takesBack';
      readonly configuration: Configuration;
      readonly sockets: SocketsBefore;
      /** It serves again. */
      readonly done: () => void;
    };
