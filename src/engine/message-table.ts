/**
 * The only list of messages between master and host. The parser of hosts' messages, the tables of docs/contract.md and
 * the tests with hostile hosts derive from it.
 */

/** One form of a message: its words after the verb, and its meaning. */
export interface MessageForm {
  /**
   * The words after the verb. Capitals are values ({@link wordKinds}), `[x]` is optional, `a|b` is a choice, anything
   * else is literal.
   */
  readonly words: string;
  readonly meaning: string;
}

export interface MessageRow {
  /** Whether a payload (` #N`) follows. */
  readonly payload: boolean;
  readonly forms: readonly MessageForm[];
}

/** Values of words. */
export const wordKinds = {
  SLOT: 'slot index, 0-based and below the slot count of the scoreboard',
  PID: 'identifies a worker to operators and in `/proc`: a process id (native) or a thread id (embedded)',
  CODE: 'exit code, below 256',
  NUMBER: 'signal number, below 128',
  LEVEL: 'debug, notice, warning, error or alert',
  ID: 'connects an answer with its question: 1 to 64 of the characters `A-Z a-z 0-9 . _ -`',
  REQUEST: 'id of a request: 1 to 64 of the characters `A-Z a-z 0-9 . _ : = + / @ -`',
  COVERED: 'number of connections',
  STATUS: 'HTTP status code, three digits',
  SECONDS: 'whole seconds',
  VERSION: 'version of the contract',
  NAME: 'name of a setting',
  INODE: 'inode of a socket, as fstat(2) tells it',
  COUNT: 'number of sockets',
} as const;
export type WordKind = keyof typeof wordKinds;

function row(words: string, meaning: string, payload = false): MessageRow {
  return { payload, forms: [{ words, meaning }] };
}

/** Messages of the master. */
export const masterMessages = {
  hathi: row('VERSION', 'first line, also of a new master (section 7)'),
  setting: row('NAME', 'one setting of the pool, value in the payload; section 3. Repeated', true),
  start: row(
    '',
    'the settings are complete: start PHP, give up root, answer `ready` or `failed`. Orders that come before the answer are obeyed after `ready`',
  ),
  worker: row('SLOT', 'make a worker in that slot; answered by `up`, or by `ended` when it cannot be made'),
  end: {
    payload: false,
    forms: [
      { words: 'SLOT quit', meaning: 'the worker finishes its request, then ends' },
      { words: 'SLOT term', meaning: 'the worker ends now; its request is lost' },
      { words: 'SLOT kill', meaning: 'the same without a chance to clean up' },
      {
        words: 'SLOT timeout',
        meaning: 'as `term`; the host answers the client with a gateway time-out if it still can',
      },
    ],
  },
  accept: row(
    '',
    'start accepting connections (sent once the first worker is up and the generation is to serve, and right behind `start` to the first host of a pool that starts without workers; before it, a host with a master never accepts)',
  ),
  pause: row(
    '',
    'after `accept`: accept nothing more until the next `accept`. Accepted connections are served, kept ones as well. A host that becomes an orphan accepts again',
  ),
  connection: row(
    '',
    'the next message on the descriptor channel is a connection, which a worker serves as if it had accepted it; from the first `up` on, also before `accept`. A host that has no worker for it closes it',
  ),
  watch: row(
    '[COVERED] [SLOT]',
    'report with `waiting` when more than COVERED connections wait (without COVERED: at least one) and no worker is idle. Armed until it has fired once. The native host cannot count them and ignores a number over 0. With SLOT, a host that makes workers quickly (the native one) makes the worker for such a connection in that slot itself at once, unless one is on its way, and names the slot in its `waiting`. A `worker SLOT` that crosses this means the same worker',
  ),
  drain: row('', 'stop accepting for good, finish accepted requests, end the workers, exit with code 0'),
  survive: row(
    'SECONDS',
    'with SECONDS over 0 the next message on the descriptor channel is a listening Unix socket, and from now on the end of the channel makes the host an orphan (section 7) for so long; with 0 it ends the host again',
  ),
  reopen: row(
    'access.log',
    'the next message on the descriptor channel is the new access log; the old one is closed',
  ),
  'status-reply': row(
    'ID STATUS',
    'answer to `status`: the next message on the descriptor channel is a file in memory with header lines, an empty line and the body, of any length',
  ),
  'no-status': row('ID', 'answer to `status`: the page is missing, the payload has the reason', true),
  alive: row(
    'ID',
    'liveness check, from `ready` to the end of the host, one question at a time; a host with a running event loop answers at once',
  ),
} as const satisfies Record<string, MessageRow>;

/** Messages of a host. */
export const hostMessages = {
  orphaned: row(
    'serving|draining',
    'first line to a new master (section 7), behind the scoreboard and the listening socket on the descriptor channel. `kept` and `ready` follow',
  ),
  kept: row(
    'SLOT PID',
    'to a new master, before `ready`: the slot has that worker; PID is 0 of one that has none yet. Its `memory` and, once it is up, its `up` follow',
  ),
  ready: row(
    '',
    'PHP is up, root is given up; once. Payload: lines `key=value`: `engine`, `php` (version), `sapi`, `detail` (one line for the operator), `expose_php` (1 or 0), `extension` (repeated), `warning` (repeated; to be logged)',
    true,
  ),
  failed: row(
    '',
    'instead of `ready`: the host cannot run this pool; the payload has reason and remedy. It then exits with code 70',
    true,
  ),
  up: row(
    'SLOT PID',
    'the worker is idle and can take a request. A PID of the native engine is a child of the host',
  ),
  'boot-failed': row(
    'SLOT PID',
    'worker mode: the application of the worker failed to boot; the payload has the reason. Its `ended` follows',
    true,
  ),
  halted: row(
    'SLOT PID',
    'a signal (SIGSTOP) has stopped the worker, a process; sent each time. An idle one that stays so for 5 seconds is killed by the master',
  ),
  ended: {
    payload: false,
    forms: [
      {
        words: 'SLOT PID exit CODE',
        meaning: 'the worker ended by itself or on demand; PID is 0 if it could not be made',
      },
      {
        words: 'SLOT PID signal NUMBER [core]',
        meaning:
          "the worker was killed. Embedded workers ended by the host on the master's demand report the signal that a process would have received (`term` 15, `kill` 9, `timeout` 15); a trap in the engine is `signal 11`",
      },
    ],
  },
  output: row(
    'SLOT PID stdout|stderr [REQUEST]',
    'output of the worker; sent only with `catch_workers_output`. REQUEST is the id of the request that wrote it, if it has one and the host is certain',
    true,
  ),
  memory: row(
    'SLOT PID',
    'the next message on the descriptor channel is the memory of that worker, open for reading (section 5). Sent at most once a worker, before its `up`',
  ),
  'no-memory': row('SLOT PID', 'the descriptor is missing; the payload has the reason', true),
  flush: row(
    'SLOT PID',
    'the current request of the worker has ended: an unfinished line of output is complete',
  ),
  log: row(
    'LEVEL',
    "a message of the host itself for the error log, without the pool's name, which the master adds",
    true,
  ),
  waiting: row(
    '[SLOT]',
    'answer to `watch`; with the slot in which the host makes a worker; `up` or `ended` follows as after `worker`',
  ),
  renew: row(
    '',
    'worker mode: asks for another generation in which the applications boot again; the payload has the reason. Repeated after a while if none was started',
    true,
  ),
  wanted: row(
    '',
    'worker mode: a request waits for a worker that runs scripts, and all are busy. Sent again once one has come up or ended. The slots of these workers are those from `max_children` on',
  ),
  status: row(
    'ID',
    "a request for the pool's status page arrived; the payload is its query string. The master answers with `status-reply`; a host answers 500 after 2 s. The number of open questions is limited to the pool's slots",
    true,
  ),
  alive: row('ID', 'answer to `alive`, with the ID of the question'),
  stopped: row(
    '',
    'after `drain` the host accepts nothing more: new connections go to another host on the socket. The master waits up to 2 s for it before a reload counts as done',
  ),
  drained: row(
    '',
    '`drain` is done; the host exits next. One that may outlive its master (`survive`) stays until the master, which has written down its counts, sends `survive 0`',
  ),
} as const satisfies Record<string, MessageRow>;

export type HostVerb = keyof typeof hostMessages;

/** Messages of the master to a template, after `hathi`, its settings and `start`. */
export const templateOrders = {
  host: row(
    'ID [spare]',
    "make a host. With `spare`, a host that went through PHP's start before its pool was known will do: the pool changes nothing of OPcache. Its descriptors have been sent in one message before: stdout, stderr, then those of section 1 from 3 on, in their order",
  ),
  spare: row(
    '',
    'from now on keep one such host ready, and make another a moment after it was given away; up to four for a while, when hosts are wanted faster than that. With code that php.ini preloads no host is kept',
  ),
  alive: row(
    'ID',
    'liveness check, every few seconds. A template that does not answer for 15 seconds is killed; its hosts go on',
  ),
} as const satisfies Record<string, MessageRow>;

/** Messages of a template. */
export const templateMessages = {
  ready: row('', "PHP is up; the payload is that of a host's `ready`", true),
  failed: row('', 'PHP cannot be started; the payload has the reason. The template exits with code 70', true),
  host: row('ID PID', 'the host exists. It reads its channel as an executed host does'),
  'no-host': row('ID', 'the host could not be made; the payload has the reason', true),
  alive: row('ID', 'answer to `alive`, with the ID of the question, at once'),
  gone: {
    payload: false,
    forms: [
      { words: 'PID exit CODE', meaning: 'a host has ended by itself' },
      { words: 'PID signal NUMBER', meaning: 'a host was ended by a signal' },
    ],
  },
} as const satisfies Record<string, MessageRow>;

/** Messages of the master to the keeper of sockets. */
export const keeperOrders = {
  keep: row(
    '',
    'keep the sockets that have been sent in one message before, over the descriptor channel: at most seven',
  ),
  drop: row('INODE', 'close the socket with that inode; one that is not kept is no error'),
  survive: row(
    'SECONDS',
    'keep them for so long after the end of the channel; 0, as at the start: close them and exit',
  ),
} as const satisfies Record<string, MessageRow>;

/** Messages of a keeper, to the next master only. */
export const keeperMessages = {
  keeping: row(
    'VERSION COUNT',
    'the version of the contract that it speaks, and how many sockets it passes over the descriptor channel, seven in a message',
  ),
} as const satisfies Record<string, MessageRow>;

/** The rows as a table for docs/contract.md. */
export function messageTable(rows: Readonly<Record<string, MessageRow>>): string {
  const lines = Object.entries(rows).flatMap(([verb, { payload, forms }]) =>
    forms.map(({ words, meaning }) => {
      const line = [verb, words, payload ? '#N' : ''].filter((part) => part !== '').join(' ');
      return `| \`${line.replaceAll('|', '\\|')}\` | ${meaning} |`;
    }),
  );
  return ['', '| line | meaning |', '|---|---|', ...lines, ''].join('\n');
}

/** The values of words as a list for docs/contract.md. */
export function wordList(): string {
  return ['', ...Object.entries(wordKinds).map(([word, meaning]) => `- \`${word}\`: ${meaning}`), ''].join(
    '\n',
  );
}
