/**
 * The rooms of the sources and their rules: one table. `tests/architecture.test.ts` holds the code to it, and
 * `docs/architecture.md` and CONTRIBUTING.md show it.
 */

/** A folder with the files in it; a folder below that has a row of its own is another room. */
export interface Room {
  readonly folder: string;
  /** In a few words, for the documents. */
  readonly purpose: string;
  /** Rooms that its files may import, types included. Files of its own it may always import. */
  readonly imports: readonly string[];
  /** Every import is of a type: nothing of another room runs in it. */
  readonly typesOnly?: true;
  /** Files and descriptors that it writes; absent where it writes none. */
  readonly writes?: string;
  /** Where it may put lines: `log` is a log file or the error log, `terminal` the process's stdout and stderr. */
  readonly speaks?: readonly Voice[];
}

export type Voice = 'log' | 'terminal';

/** Rooms whose rules are part of the design; from the pure ones to those that act. */
export const rooms: readonly Room[] = [
  {
    folder: 'src/text',
    purpose:
      'text from strangers: binary strings, and how they become printable in a log line, on a terminal, in markup, in JSON; nobody else escapes or strips unsafe characters',
    imports: [],
  },
  {
    folder: 'src/runtime',
    purpose: 'common to every process: exit codes, versions, state tables',
    imports: [],
  },
  {
    folder: 'src/posix',
    purpose: 'system calls by FFI, each with its manual page; the only user of FFI',
    imports: ['src/runtime'],
    writes: 'memory files, wake-ups',
  },
  {
    folder: 'src/config',
    purpose: 'grammar, the table of directives (the only list of them), validation, `-tt`',
    imports: ['src/text'],
  },
  { folder: 'src/fastcgi', purpose: 'records, parser, server, client', imports: [] },
  {
    folder: 'src/scoreboard',
    purpose: 'layout, writer, reader',
    imports: ['src/text'],
    writes: 'the scoreboard, by descriptor',
  },
  {
    folder: 'src/status',
    purpose: 'one snapshot of a pool, made of its scoreboard, as text, html, json, xml, openmetrics',
    imports: ['src/scoreboard', 'src/text'],
  },
  {
    folder: 'src/trace',
    purpose: "PHP stacks from a worker's memory: reading, walking, names; profiles and their forms",
    imports: ['src/scoreboard', 'src/text'],
  },
  {
    folder: 'src/figures',
    purpose: 'types that `watch`, `admin`, the commands and the dashboard share',
    imports: [
      'src/config',
      'src/engine',
      'src/pool',
      'src/scoreboard',
      'src/status',
      'src/text',
      'src/trace',
    ],
    typesOnly: true,
  },
  {
    folder: 'src/pool',
    purpose: 'process managers, time-outs, back-off: pure functions; decides, never acts',
    imports: ['src/config', 'src/engine', 'src/runtime', 'src/scoreboard', 'src/status', 'src/text'],
  },
  {
    folder: 'src/log',
    purpose: "error log, access log, slow log's file, worker output, syslog; opens log files",
    imports: ['src/config', 'src/posix', 'src/scoreboard', 'src/text'],
    writes: 'logs',
    speaks: ['log'],
  },
  {
    folder: 'src/engine',
    purpose: 'the contract with hosts, how a script is found; knows no engine',
    imports: ['src/config', 'src/log', 'src/text'],
  },
  {
    folder: 'src/engine/native',
    purpose: 'builds the native engine and finds the builds',
    imports: ['native', 'src/config', 'src/engine', 'src/runtime', 'src/scoreboard', 'src/status'],
    writes: 'built engines',
  },
  {
    folder: 'src/engine/embedded/shared',
    purpose: "messages between a host's main thread and its worker threads",
    imports: [],
  },
  {
    folder: 'src/engine/embedded/php',
    purpose: 'PHP compiled to WebAssembly: its files, memory, sockets, calls',
    imports: [
      'src/engine',
      'src/engine/embedded/shared',
      'src/fastcgi',
      'src/posix',
      'src/scoreboard',
      'src/text',
    ],
    writes: 'files of scripts, a cache of guarded binaries',
  },
  {
    folder: 'src/engine/embedded/thread',
    purpose: "a worker: the code of a thread of a pool's host",
    imports: ['src/engine/embedded/php', 'src/engine/embedded/shared', 'src/posix'],
  },
  {
    folder: 'src/engine/embedded/host',
    purpose: "a pool's host: the code of its main thread",
    imports: [
      'src/engine',
      'src/engine/embedded/php',
      'src/engine/embedded/shared',
      'src/engine/embedded/thread',
      'src/fastcgi',
      'src/log',
      'src/posix',
      'src/runtime',
      'src/scoreboard',
      'src/status',
      'src/text',
    ],
    writes: 'a cache of stripped scripts',
    speaks: ['log', 'terminal'],
  },
  {
    folder: 'src/engine/embedded',
    purpose: 'PHP run once, for `-i`, `-m` and `-t`',
    imports: [
      'src/engine',
      'src/engine/embedded/host',
      'src/engine/embedded/php',
      'src/engine/embedded/shared',
      'src/text',
    ],
    writes: 'a script in a temporary folder',
    speaks: ['terminal'],
  },
  {
    folder: 'src/engine/choice',
    purpose: 'which engine and which PHP runs a pool',
    imports: [
      'src/config',
      'src/engine',
      'src/engine/embedded/host',
      'src/engine/embedded/php',
      'src/engine/native',
      'src/runtime',
    ],
  },
  {
    folder: 'src/sockets',
    purpose: 'listening sockets: addresses, files, owners; knows settings, no pools',
    imports: ['src/config', 'src/log', 'src/posix', 'src/runtime'],
    writes: 'owner and mode of socket files',
    speaks: ['log'],
  },
  {
    folder: 'src/generation',
    purpose: 'one pool: its hosts, its workers; a throw stays inside',
    imports: [
      'src/config',
      'src/engine',
      'src/fastcgi',
      'src/figures',
      'src/log',
      'src/pool',
      'src/posix',
      'src/runtime',
      'src/scoreboard',
      'src/sockets',
      'src/status',
      'src/text',
      'src/trace',
    ],
    writes: 'settings for a host, by descriptor',
    speaks: ['log'],
  },
  {
    folder: 'src/watch',
    purpose: 'profiler, history, totals, the views of the admin endpoint; reads only',
    imports: [
      'src/config',
      'src/engine',
      'src/figures',
      'src/generation',
      'src/log',
      'src/pool',
      'src/posix',
      'src/runtime',
      'src/scoreboard',
      'src/sockets',
      'src/status',
      'src/trace',
    ],
    speaks: ['log'],
  },
  {
    folder: 'src/master',
    purpose: 'the loop, signals, plan and commit, all pools; acts on the decisions of `pool`',
    imports: [
      'src/config',
      'src/engine',
      'src/fastcgi',
      'src/figures',
      'src/generation',
      'src/log',
      'src/pool',
      'src/posix',
      'src/runtime',
      'src/scoreboard',
      'src/sockets',
      'src/status',
      'src/watch',
    ],
    writes: "the pid file, the admin socket's folder",
    speaks: ['log'],
  },
  {
    folder: 'src/admin',
    purpose: 'HTTP at the admin endpoint: limits, access, routes; reads snapshots and asks the master',
    imports: [
      'dashboard',
      'src/config',
      'src/figures',
      'src/pool',
      'src/posix',
      'src/runtime',
      'src/scoreboard',
      'src/text',
      'src/trace',
    ],
  },
  {
    folder: 'src/boot',
    purpose: 'from a configuration file to a running master; knows no argv',
    imports: [
      'src/admin',
      'src/config',
      'src/engine',
      'src/engine/choice',
      'src/engine/embedded',
      'src/engine/embedded/php',
      'src/engine/native',
      'src/figures',
      'src/log',
      'src/master',
      'src/posix',
      'src/runtime',
      'src/sockets',
      'src/text',
    ],
    writes: 'the result for the starter of a daemon, configurations for a rollback',
    speaks: ['log', 'terminal'],
  },
  {
    folder: 'src/http',
    purpose: 'the front of `hathi serve`: speaks FastCGI to the pool, nothing else',
    imports: ['src/fastcgi', 'src/text'],
    writes: 'long request bodies, to a file without a name',
  },
  {
    folder: 'src/top',
    purpose:
      "the endpoint's answer as rows of text, for `hathi status` and `hathi top`; knows nothing of the master but its JSON",
    imports: ['src/engine', 'src/posix', 'src/text'],
  },
  {
    folder: 'src/plan',
    purpose:
      "a capacity plan of the endpoint's answers: as text, lines for the configuration, a page; the formulas are those of `pool`",
    imports: ['src/figures', 'src/pool', 'src/text', 'src/top'],
  },
  {
    folder: 'src/doctor',
    purpose: '`hathi doctor`: the table of checks, pure functions over facts, and the forms of its report',
    imports: ['src/config', 'src/engine', 'src/figures', 'src/text'],
  },
  {
    folder: 'src/doctor/read',
    purpose:
      'gathers the facts for the checks: configuration, php.ini, logs, folders of users, processes; reads only',
    imports: [
      'src/boot',
      'src/config',
      'src/doctor',
      'src/engine',
      'src/engine/native',
      'src/posix',
      'src/runtime',
      'src/text',
      'src/top',
    ],
  },
  {
    folder: 'src/audit',
    purpose:
      '`hathi audit`: requests, answers compared, what a request leaves behind, the table of findings, the report',
    imports: ['src/config', 'src/figures', 'src/text'],
  },
  {
    folder: 'src/cli/watch',
    purpose: 'commands that ask a running master: status, top, profile, plan, reload, rollback, stop',
    imports: [
      'src/boot',
      'src/config',
      'src/figures',
      'src/plan',
      'src/pool',
      'src/posix',
      'src/text',
      'src/top',
    ],
    writes: 'a profile or a plan, where it is told to',
  },
  {
    folder: 'src/cli/serve',
    purpose: '`hathi serve`: a master, a pool and the HTTP front in one process',
    imports: [
      'src/admin',
      'src/boot',
      'src/engine/choice',
      'src/fastcgi',
      'src/figures',
      'src/http',
      'src/log',
      'src/master',
      'src/posix',
      'src/text',
    ],
    writes: 'a folder for its socket',
    speaks: ['log', 'terminal'],
  },
  {
    folder: 'src/cli/audit',
    purpose:
      '`hathi audit`: a master with two pools in this process, requests to them, reports of their workers',
    imports: [
      'src/admin',
      'src/audit',
      'src/boot',
      'src/cli/serve',
      'src/cli/watch',
      'src/config',
      'src/engine',
      'src/engine/choice',
      'src/fastcgi',
      'src/log',
      'src/master',
      'src/posix',
    ],
    writes: 'a folder for its sockets',
    speaks: ['log', 'terminal'],
  },
  {
    folder: 'src/cli/install',
    purpose: '`hathi install`: a service of PHP-FPM runs Hathi, and is given back',
    imports: ['src/posix', 'src/runtime'],
    writes: "a service's drop-in, the program that php-fpm becomes",
    speaks: ['terminal'],
  },
  {
    folder: 'src/cli',
    purpose: "the command line: php-fpm's flags and the other commands",
    imports: [
      'src/boot',
      'src/cli/audit',
      'src/cli/install',
      'src/cli/serve',
      'src/cli/watch',
      'src/config',
      'src/doctor',
      'src/doctor/read',
      'src/engine',
      'src/engine/embedded',
      'src/engine/embedded/host',
      'src/engine/embedded/php',
      'src/engine/native',
      'src/fastcgi',
      'src/master',
      'src/runtime',
      'src/top',
    ],
    writes: "the folder of PHP packages, the doctor's page",
    speaks: ['terminal'],
  },
  {
    folder: 'dashboard',
    purpose: 'the page at the admin endpoint, for the browser: asks the endpoint only, sets text as text',
    imports: ['src/figures', 'src/trace'],
    typesOnly: true,
  },
  {
    folder: 'native/wire',
    purpose: "FastCGI's bytes, a request's parameters, the script that they mean; knows no worker",
    imports: [],
  },
  {
    folder: 'native/shared',
    purpose: 'common to a native host and its workers: settings, messages, memory, clock',
    imports: [],
  },
  {
    folder: 'native/record',
    purpose: 'read by the master and operators: scoreboard, routes, access log',
    imports: ['native/shared', 'native/wire'],
    writes: 'the scoreboard, the access log',
  },
  {
    folder: 'native/worker',
    purpose: 'a worker: waits, accepts, reads, ends; knows no PHP but `engine.h`',
    imports: ['native/record', 'native/shared', 'native/wire'],
  },
  {
    folder: 'native/host',
    purpose: "a native host: the master's commands, workers, rights; knows no PHP but `php.h`",
    imports: ['native/record', 'native/shared', 'native/wire', 'native/worker'],
  },
  {
    folder: 'native/php',
    purpose: "the SAPI: the only room with PHP's headers",
    imports: ['native/host', 'native/record', 'native/shared', 'native/wire', 'native/worker'],
  },
];

/** The whole table, for docs/architecture.md. */
export function roomsMarkdown(): string {
  const rows = rooms.map(({ folder, purpose, imports, typesOnly, writes = '', speaks = [] }) => {
    const allowed = imports.map((name) => `\`${name.replace(/^src\//, '')}\``).join(' ');
    return row([
      `\`${folder}/\``,
      purpose,
      typesOnly === true ? `${allowed} (types)` : allowed,
      writes,
      speaks.join(', '),
    ]);
  });
  return [
    row(['room', 'it is', 'may import', 'writes', 'prints to']),
    row(Array(5).fill('---')),
    ...rows,
  ].join('');
}

/** Its first two columns, for CONTRIBUTING.md. */
export function roomsInShort(): string {
  const rows = rooms.map(({ folder, purpose }) => row([`\`${folder}/\``, purpose]));
  return [row(['room', 'it is']), row(['---', '---']), ...rows].join('');
}

function row(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |\n`;
}
