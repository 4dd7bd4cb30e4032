/**
 * The status page of a host without a master (docs/contract.md, section 7): the master's page, made of the same sources.
 * The scoreboard has what the last master counted; the next one goes on from there.
 */

import { tcpListenQueue } from '../../../posix/sockets.ts';
import { unixListenQueue } from '../../../posix/unix-queue.ts';
import { monotonicMicros } from '../../../scoreboard/clock.ts';
import type { ScoreboardSnapshot } from '../../../scoreboard/decode.ts';
import { ScoreboardReader } from '../../../scoreboard/reader.ts';
import type { ScoreboardWriter } from '../../../scoreboard/writer.ts';
import { poolStatus } from '../../../status/pool-status.ts';
import { cgiResponse, renderStatus } from '../../../status/render.ts';
import type { StatusSnapshot } from '../../../status/status-snapshot.ts';
import { decodeBinary } from '../../../text/binary.ts';
import { hostFd } from '../../contract.ts';
import { isAtLeast } from '../../php-version.ts';
import type { HostPools } from './host-pools.ts';
import type { MasterLink, StatusReply } from './master-link.ts';
import type { PoolSettings } from './pool-settings.ts';
import { firstLaneSlot } from './slots.ts';

/** As often as the master looks at the backlog. */
const lookMs = 1000;

export interface OrphanStatusOptions {
  readonly settings: PoolSettings;
  /** The pool's PHP. */
  readonly php: string;
  readonly pools: HostPools;
  readonly scoreboard: ScoreboardWriter;
  readonly link: MasterLink;
}

export class OrphanStatus {
  readonly #options: OrphanStatusOptions;
  readonly #reader: ScoreboardReader;
  #looks: NodeJS.Timeout | undefined;
  #hasComplained = false;

  constructor(options: OrphanStatusOptions) {
    this.#options = options;
    this.#reader = new ScoreboardReader(hostFd.scoreboard, options.scoreboard.slotCount, 'embedded');
  }

  /** There is no master: the host looks at the backlog in its place. */
  begin(): void {
    this.#looks ??= setInterval(
      () => this.#attempt(() => this.#snapshot(this.#reader.readNumbers())),
      lookMs,
    );
  }

  /** There is a master again. */
  end(): void {
    clearInterval(this.#looks);
    this.#looks = undefined;
  }

  /** The page for a query string; undefined where it cannot be made, which the log tells. */
  page(query: string): StatusReply | undefined {
    return this.#attempt(() => {
      // Tells of what has happened in this turn as well.
      this.#options.scoreboard.flush();
      const { status, headers, body } = renderStatus(this.#snapshot(this.#reader.read()), query, Date.now());
      return { status, bytes: cgiResponse(headers, body) };
    });
  }

  #snapshot(read: ScoreboardSnapshot): StatusSnapshot {
    const { settings, php, pools, scoreboard } = this.#options;
    const kernel = this.#backlog(read.header.listenQueueLength);
    const snapshot = poolStatus({
      pool: {
        name: decodeBinary(settings.pool),
        pm: settings.processManager,
        'pm.max_children': settings.maxChildren,
        'worker.script': settings.application?.script,
      },
      scoreboard: read,
      workers: pools.workers().filter(({ isUp }) => isUp),
      firstLaneSlot: firstLaneSlot(settings),
      startedAt: read.header.startEpochMicros / 1000,
      listenQueue: kernel?.current ?? 0,
      maxListenQueue: read.header.maxListenQueue,
      listenQueueLength: kernel?.limit ?? 0,
      maxChildrenReached: read.header.maxChildrenReached,
      slowRequests: read.header.slowRequests,
      showsMemoryPeak: isAtLeast(php, 8, 4),
      nowMicros: monotonicMicros(),
    });
    scoreboard.lookedAtBacklog(snapshot);
    return snapshot;
  }

  /** @param known limit that the last master was told; it is told no more where this process may not ask */
  #backlog(known: number): ReturnType<typeof tcpListenQueue> {
    const { settings, link } = this.#options;
    const { listenFd, listenKind } = settings;
    const queue = listenKind === 'tcp' ? tcpListenQueue(listenFd) : unixListenQueue(listenFd);
    if (queue === undefined && known > 0 && !this.#hasComplained) {
      this.#hasComplained = true;
      link.log(
        'warning',
        'the kernel does not tell this host the length of its listen queue: it is shown as 0',
      );
    }
    return queue;
  }

  #attempt<Result>(make: () => Result): Result | undefined {
    try {
      return make();
    } catch (error) {
      if (!this.#hasComplained)
        this.#options.link.log('error', `cannot make the status page: ${(error as Error).message}`);
      this.#hasComplained = true;
      return undefined;
    }
  }
}
