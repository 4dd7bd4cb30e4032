/** Routes an arrived request: ping, status, a refusal, or a script for a worker. */

import { accessSync, constants, statSync } from 'node:fs';
import type { ServerRequest } from '../../../fastcgi/server-api.ts';
import { passes } from '../../../log/levels.ts';
import { requestPath } from '../../../scoreboard/route-name.ts';
import type { ScoreboardWriter } from '../../../scoreboard/writer.ts';
import { asBinary } from '../../../text/binary.ts';
import { ParamTable } from '../../params.ts';
import { requestId } from '../../request-id.ts';
import {
  type FileKind,
  judgeScript,
  type OpenCheck,
  type ResolvedScript,
  resolveScript,
  type ScriptFiles,
  type ScriptRules,
  type Verdict,
} from '../../script.ts';
import type { ApplicationFront } from './application-front.ts';
import { Exchange } from './exchange.ts';
import type { AnsweringWorker, HostPool } from './host-pool.ts';
import type { MasterLink } from './master-link.ts';
import type { Page, Pages } from './pages.ts';
import type { PoolSettings } from './pool-settings.ts';
import type { RequestAccounting } from './request-accounting.ts';
import { BodyBudget } from './request-body.ts';
import type { WorkerLog } from './worker-log.ts';

export interface RouterOptions {
  readonly settings: PoolSettings;
  readonly rules: ScriptRules;
  readonly logsToClient: boolean;
  readonly pages: Pages;
  readonly pool: HostPool;
  /** Worker mode: which requests are the application's, and the pool for all others. */
  readonly aside?: { readonly front: ApplicationFront; readonly pool: HostPool } | undefined;
  readonly link: MasterLink;
  readonly scoreboard: ScoreboardWriter;
  readonly workerLog: WorkerLog;
  readonly accounting: RequestAccounting;
}

/** Origin of a request. */
export interface RequestOrigin {
  /** Peer's address, empty for a Unix socket. */
  readonly remoteAddress: string;
  readonly breakConnection: () => void;
  /** The client has closed its connection completely. */
  readonly isClientGone: () => boolean;
}

export class RequestRouter {
  readonly #options: RouterOptions;
  readonly #budget = new BodyBudget();

  constructor(options: RouterOptions) {
    this.#options = options;
  }

  route(request: ServerRequest, origin: RequestOrigin): void {
    const params = new ParamTable(request.params, request.role);
    const files = new DiskFiles();
    const found = resolveScript(params, this.#options.rules, files);
    const exchange = this.#exchange(request, origin, params, found);
    const { settings, pages } = this.#options;
    const isAsked = params.get('REQUEST_METHOD') !== undefined && found.uri !== undefined;
    if (isAsked && found.uri === settings.pingPath) {
      this.#answer(exchange, pages.ping(settings.pingResponse));
    } else if (isAsked && found.uri === settings.statusPath) {
      void this.#answerStatus(exchange);
    } else {
      this.#judge(exchange, params, found, files);
    }
  }

  #exchange(
    request: ServerRequest,
    origin: RequestOrigin,
    params: ParamTable,
    found: ResolvedScript,
  ): Exchange {
    const { pages, logsToClient, pool, aside } = this.#options;
    return new Exchange({
      request,
      ...origin,
      params,
      pages,
      logsToClient,
      budget: this.#budget,
      information: {
        // FastCGI's values, and texts made from them, are binary.
        method: asBinary(params.get('REQUEST_METHOD') ?? ''),
        uri: asBinary(found.uri ?? ''),
        path: asBinary(requestPath(params.get('REQUEST_URI'), found.uri ?? '')),
        query: asBinary(params.get('QUERY_STRING') ?? ''),
        script: asBinary(found.path ?? ''),
        user: asBinary(''),
        contentLength: request.contentLength,
        requestId: asBinary(requestId(params, this.#options.settings.makesRequestIds)),
      },
      onAbort: (exchange) => {
        pool.withdraw(exchange);
        aside?.pool.withdraw(exchange);
      },
    });
  }

  #judge(exchange: Exchange, params: ParamTable, found: ResolvedScript, files: DiskFiles): void {
    const { settings, pages, pool, aside } = this.#options;
    const handled = aside?.front.take(params, found, exchange.information.path);
    if (handled !== undefined) {
      exchange.prepare({ ...handled, isHandled: true }, () => pool.submit(exchange));
      return;
    }
    const verdict = judgeScript(params.get('REQUEST_METHOD'), found.path, settings.limitExtensions, (path) =>
      files.open(path),
    );
    switch (verdict.kind) {
      case 'run':
        exchange.prepare({ script: verdict.script, phpSelf: found.phpSelf, isHandled: false }, () =>
          (aside?.pool ?? pool).submit(exchange),
        );
        return;
      case 'empty':
        this.#answer(exchange, pages.plain(200, ''));
        return;
      case 'refused':
        this.#refuse(exchange, verdict);
        return;
      default:
        throw new Error(`unknown verdict ${JSON.stringify(verdict satisfies never)}`);
    }
  }

  #refuse(exchange: Exchange, verdict: Extract<Verdict, { kind: 'refused' }>): void {
    const { workerLog, pool, pages, settings } = this.#options;
    for (const message of verdict.messages) {
      const text = Buffer.from(message, 'latin1');
      exchange.addMessage(text);
      if (passes(verdict.level, settings.logLevel))
        workerLog.message(pool.answeringWorker(), verdict.level, text);
    }
    this.#answer(exchange, pages.plain(verdict.status, verdict.body));
  }

  async #answerStatus(exchange: Exchange): Promise<void> {
    const { pages, link, scoreboard } = this.#options;
    const worker = this.#begin(exchange);
    // The page must include the request that asks for it.
    scoreboard.flush();
    if (exchange.information.method === 'HEAD') {
      this.#answer(exchange, pages.statusHead(), worker);
      return;
    }
    const reply = await link.askStatus(exchange.information.query);
    const page =
      reply === undefined
        ? pages.plain(500, 'Internal error. Please review log file for errors.')
        : pages.status(reply.status, reply.bytes);
    this.#answer(exchange, page, worker);
  }

  /**
   * The host is about to answer by itself. An idle worker, if there is one, gets the credit in the scoreboard, since in
   * PHP-FPM a worker would answer; so a status page includes itself here as well.
   */
  #begin(exchange: Exchange): AnsweringWorker {
    const worker = this.#options.pool.answeringWorker();
    if (worker.hasSlot) this.#options.accounting.begin(worker, exchange);
    return worker;
  }

  #answer(exchange: Exchange, page: Page, worker = this.#begin(exchange)): void {
    const { pool, scoreboard, accounting } = this.#options;
    const result = { status: page.status, cpuMicros: 0, memoryPeak: 0 };
    const hasClient = !exchange.isOver;
    exchange.answer(page);
    // A status page waits for the master: meanwhile the worker may have got another request or ended.
    if (worker.hasSlot && pool.isIdle(worker)) {
      accounting.end(worker, result);
      scoreboard.idle(worker.slot);
    }
    if (hasClient) accounting.log(worker, exchange, result);
  }
}

/**
 * The file system as the pool's user sees it, for one request. Names are binary strings, so they are converted to
 * bytes. The last kind found is cached: it nearly always belongs to the script, which is opened next.
 */
class DiskFiles implements ScriptFiles {
  #lastPath = '';
  #lastKind: FileKind = 'missing';

  kind(path: string): FileKind {
    this.#lastPath = path;
    this.#lastKind = kindOnDisk(path);
    return this.#lastKind;
  }

  /** PHP only opens regular files; its text for anything else is errno 0. */
  open(path: string): ReturnType<OpenCheck> {
    try {
      if (path.includes('\0') || path === '') return { code: 'ENOENT', text: 'No such file or directory' };
      const kind = path === this.#lastPath ? this.#lastKind : this.kind(path);
      if (kind === 'other') return { code: 'EISDIR', text: 'Success' };
      accessSync(diskName(path), constants.R_OK);
      return undefined;
    } catch (error) {
      const code = String((error as NodeJS.ErrnoException).code);
      return { code, text: systemTexts[code] ?? code };
    }
  }
}

function kindOnDisk(path: string): FileKind {
  if (path.includes('\0')) return 'missing';
  try {
    const found = statSync(diskName(path), { throwIfNoEntry: false });
    if (found === undefined) return 'missing';
    return found.isFile() ? 'file' : 'other';
  } catch {
    // No permission for a folder of the path, too many links, or a name too long.
    return 'missing';
  }
}

/** strerror(3) for errors of a path. */
const systemTexts: Readonly<Record<string, string>> = {
  EACCES: 'Permission denied',
  ENOENT: 'No such file or directory',
  ENOTDIR: 'Not a directory',
  ELOOP: 'Too many levels of symbolic links',
  ENAMETOOLONG: 'File name too long',
};

const nonAscii = /[^\x00-\x7f]/;

/** Plain ASCII stays a string: that is faster, and the usual case. */
function diskName(path: string): string | Buffer {
  return nonAscii.test(path) ? Buffer.from(path, 'latin1') : path;
}
