/**
 * The only list of the messages between master and host. The parser of what a host says, the tables of
 * docs/contract.md and the tests with hostile hosts are made from it.
 */

/** One form of a message: what follows its verb, and what it means. */
export interface MessageForm {
  /**
   * The words after the verb. Capitals name a value ({@link wordKinds}), `[x]` may be left out, `a|b` is a choice,
   * anything else stands as it is.
   */
  readonly words: string;
  readonly meaning: string;
}

export interface MessageRow {
  /** Whether a payload follows (` #N`). */
  readonly payload: boolean;
  readonly forms: readonly MessageForm[];
}

/** The values that words stand for. */
export const wordKinds = {
  SLOT: 'slot index, 0-based and below the slot count of the scoreboard',
  PID: 'identifies a worker to people and to `/proc`: a process id (native) or a thread id (embedded)',
  CODE: 'exit code, below 256',
  NUMBER: 'signal number, below 128',
  LEVEL: 'debug, notice, warning, error or alert',
  ID: 'ties an answer to its question: 1 to 64 of the characters `A-Z a-z 0-9 . _ -`',
  REQUEST: 'id of a request: 1 to 64 of the characters `A-Z a-z 0-9 . _ : = + / @ -`',
  COVERED: 'number of connections',
  STATUS: 'HTTP status code, three digits',
  VERSION: 'version of the contract',
  NAME: 'name of a setting',
} as const;
export type WordKind = keyof typeof wordKinds;

function row(words: string, meaning: string, payload = false): MessageRow {
  return { payload, forms: [{ words, meaning }] };
}

/** What the master sends. */
export const masterMessages = {
  hathi: row('VERSION', 'first line'),
  setting: row('NAME', 'one setting of the pool, value in the payload; section 3. Repeated', true),
  start: row('', 'settings are complete: start PHP, give up rights, answer `ready` or `failed`'),
  worker: row('SLOT', 'make a worker in that slot; answered by `up`, or by `ended` when it cannot be made'),
  end: {
    payload: false,
    forms: [
      { words: 'SLOT quit', meaning: 'the worker finishes the request it runs, then ends' },
      { words: 'SLOT term', meaning: 'the worker ends now; its request is lost' },
      { words: 'SLOT kill', meaning: 'the same with no chance to clean up' },
      {
        words: 'SLOT timeout',
        meaning: 'as `term`; the host answers the client with a gateway time-out where it still can',
      },
    ],
  },
  accept: row(
    '',
    'start accepting connections (sent once the first worker is up and the generation is to serve; before it, a host never accepts)',
  ),
  watch: row(
    '[COVERED] [SLOT]',
    'report with `waiting` when more than that many connections wait (else: one) and no worker is idle. Armed until it has fired once. The native host cannot count them and leaves one with a number over 0 alone. With SLOT, a host that makes workers quickly (the native one) makes the worker for such a connection in that slot by itself at once, unless one is on its way, and names the slot in its `waiting`. A `worker SLOT` that crosses this means the same worker',
  ),
  drain: row('', 'stop accepting for good, finish what was accepted, end the workers, exit with code 0'),
  reopen: row(
    'access.log',
    'the next message on the descriptor channel is the new access log; the old one is closed',
  ),
  'status-reply': row(
    'ID STATUS',
    'answer to `status`: the next message on the descriptor channel is a file in memory with header lines, an empty line and the body, of any length',
  ),
  'no-status': row('ID', 'answer to `status`: there is no page, the payload says why', true),
  alive: row(
    'ID',
    'are you there? Asked from `ready` to the end of the host, one question at a time; a host whose loop turns answers at once',
  ),
} as const satisfies Record<string, MessageRow>;

/** What a host sends. */
export const hostMessages = {
  ready: row(
    '',
    'PHP is up, rights are given up; once. Payload: lines `key=value`: `engine`, `php` (version), `sapi`, `detail` (one line for people), `expose_php` (1 or 0), `extension` (repeated), `warning` (repeated; to be logged)',
    true,
  ),
  failed: row(
    '',
    'instead of `ready`: the host cannot run this pool; the payload says why and what to do. It then exits with code 70',
    true,
  ),
  up: row(
    'SLOT PID',
    'the worker is idle and can take a request. A PID of the native engine is a child of the host',
  ),
  ended: {
    payload: false,
    forms: [
      {
        words: 'SLOT PID exit CODE',
        meaning: 'the worker ended by itself or as asked; PID is 0 for one that could not be made',
      },
      {
        words: 'SLOT PID signal NUMBER [core]',
        meaning:
          "the worker was killed. Embedded workers that were ended by the host on the master's word report the signal that a process would have got (`term` 15, `kill` 9, `timeout` 15); a trap in the engine is `signal 11`",
      },
    ],
  },
  output: row(
    'SLOT PID stdout|stderr [REQUEST]',
    'bytes that the worker wrote (`catch_workers_output`); sent only when the setting asks for it. REQUEST is the id of the request that wrote them, where it has one and the host knows for sure which one it was',
    true,
  ),
  memory: row(
    'SLOT PID',
    'the next message on the descriptor channel is the memory of that worker, open for reading (section 5). Sent at most once a worker, before its `up`',
  ),
  'no-memory': row('SLOT PID', 'there is no such descriptor; the payload says why', true),
  flush: row('SLOT PID', 'the request that wrote the output so far is over: an unfinished line is complete'),
  log: row(
    'LEVEL',
    'a message of the host itself for the error log, without the name of the pool, which the master puts before it',
    true,
  ),
  waiting: row(
    '[SLOT]',
    'answer to `watch`; with the slot in which the host makes a worker, of which `up` or `ended` tells as if it had been asked for',
  ),
  status: row(
    'ID',
    'a request for the status page of this pool was received; the payload is its query string. The master answers with `status-reply`; a host gives up after 2 s with a 500. At most as many questions are open at a time as the pool has slots',
    true,
  ),
  alive: row('ID', 'answer to `alive`, with the ID of the question'),
  stopped: row(
    '',
    'since `drain` nothing accepts any more: new connections are for another host on the socket. The master waits up to 2 s for it before it calls a reload done',
  ),
  drained: row('', '`drain` is done; the host exits next'),
} as const satisfies Record<string, MessageRow>;

export type HostVerb = keyof typeof hostMessages;

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

/** The values that words stand for, as a list for docs/contract.md. */
export function wordList(): string {
  return ['', ...Object.entries(wordKinds).map(([word, meaning]) => `- \`${word}\`: ${meaning}`), ''].join(
    '\n',
  );
}
