/**
 * Every fault that a test injects: what php-fpm does, what Hathi does, and the test. The only list of them: the tables of
 * docs/reliability.md are made from it, and the README's short form is held to it (scripts/generate-docs.ts).
 */

export interface Fault {
  readonly fault: string;
  /** Of 8.2; '' where it has nothing of the kind. "Measured": tried there; otherwise from its design or documentation. */
  readonly phpFpm: string;
  readonly hathi: string;
  /** Files below tests/, and words of the test's name there. */
  readonly tests: readonly (readonly [file: string, name: string])[];
  /** A row of the README: the same in few words. */
  readonly short?: readonly [fault: string, phpFpm: string, hathi: string];
}

export interface FaultGroup {
  readonly title: string;
  readonly faults: readonly Fault[];
}

const survive = 'blackbox/survive.test.ts';
const orphanStatus = 'blackbox/orphan-status.test.ts';
const kept = 'blackbox/kept-sockets.test.ts';
const upgrade = 'blackbox/upgrade.test.ts';
const service = 'package/service.test.ts';
const older = 'blackbox/older-contract.test.ts';
const proof = 'blackbox/reload-proof.test.ts';

const master: readonly Fault[] = [
  {
    fault: 'the master is killed (SIGKILL, out of memory)',
    phpFpm:
      'its workers serve on without a manager; the next start is refused, since "another FPM instance seems to already listen", until they are killed by hand (measured)',
    hathi:
      'hosts serve on; the next master takes over sockets, workers, counters and start time, and nothing is lost',
    tests: [
      [survive, 'killed, and again: the same workers go on'],
      [survive, 'the embedded engine: killed'],
    ],
    short: [
      'the master is killed',
      'the next start is refused while its workers live',
      'hosts serve on, the next master takes them over ([all faults](docs/reliability.md))',
    ],
  },
  {
    fault: "a fault of the master's own code",
    phpFpm: 'its workers serve on as above',
    hathi: 'the reason is in the log, hosts serve on, the next master takes them over',
    tests: [[survive, 'a master that fails by itself']],
  },
  {
    fault: 'killed while a pool starts or wakes',
    phpFpm: 'as above',
    hathi: 'its host begins to serve by itself, and connections that wait are served',
    tests: [
      [survive, 'killed while a pool starts'],
      [kept, 'killed while a pool wakes'],
    ],
  },
  {
    fault: 'killed in the middle of a reload',
    phpFpm: 'as above',
    hathi: 'the serving generation continues, the one that had not begun to serve ends; counts go on',
    tests: [[survive, 'killed in the middle of a reload']],
  },
  {
    fault: 'killed while a new generation is on trial',
    phpFpm: '',
    hathi: 'the old one continues, and the trial begins again',
    tests: [[survive, 'killed while a new generation is on trial']],
  },
  {
    fault: 'killed again while the next one takes over',
    phpFpm: '',
    hathi: 'the master after that takes over',
    tests: [[survive, 'killed while it adopts']],
  },
  {
    fault: 'the configuration changed before the next start',
    phpFpm: '',
    hathi: 'the existing hosts serve until new ones have taken over, as in a reload',
    tests: [[survive, 'other settings are a reload of what the last master left']],
  },
  {
    fault: 'the next start is of a version that does not speak the contract of the hosts',
    phpFpm: '',
    hathi:
      'new hosts serve, the existing ones finish what they run, and counts go on; where no new host can serve, they serve on',
    tests: [
      [older, 'killed: they finish beside new ones'],
      [older, 'where no new host can serve'],
    ],
  },
  {
    fault: 'a host or workers end while there is no master',
    phpFpm: 'workers are not replaced',
    hathi: 'workers are replaced in their slots; the next master starts a host where one is missing',
    tests: [
      [survive, 'workers that end without a master'],
      [survive, 'a host that died meanwhile'],
    ],
  },
  {
    fault: 'killed while pools sleep',
    phpFpm: 'has no sleeping pools',
    hathi: 'their sockets stay open, and connections wait for the next master',
    tests: [
      [kept, 'requests that come without a master'],
      [kept, 'the embedded engine alone has no keeper'],
    ],
  },
  {
    fault: 'the keeper of these sockets is killed as well',
    phpFpm: 'has no keeper',
    hathi: 'another one is started, and systemd holds the sockets where that fails',
    tests: [
      [kept, 'a keeper that ends at once'],
      [service, 'without a keeper systemd holds the sockets'],
    ],
  },
  {
    fault: 'a start that fails after that',
    phpFpm: '',
    hathi: 'hosts and sockets wait for another one',
    tests: [[kept, 'a start that fails leaves the sockets']],
  },
  {
    fault: 'killed below systemd, under load',
    phpFpm: '',
    hathi: 'systemd starts the next one, and nobody notices',
    tests: [[service, 'a killed master comes back, and nobody notices']],
  },
  {
    fault: 'nobody starts another master',
    phpFpm: 'workers stay for ever',
    hathi: 'after `survive` hosts finish their requests and end',
    tests: [[survive, 'without a next master they finish and go']],
  },
  {
    fault: 'the status page is asked for while there is no master',
    phpFpm: 'workers answer it',
    hathi: 'the host answers it with the same figures, in every format, and they go on with the next master',
    tests: [[orphanStatus, 'each page is that of the killed master']],
  },
  {
    fault: 'two masters at once',
    phpFpm: 'refused by the address in use',
    hathi: 'one has the hosts, the other names its pid and ends',
    tests: [[survive, 'two masters race']],
  },
  {
    fault: 'files and sockets planted where hosts are found, another user at their sockets',
    phpFpm: '',
    hathi: 'not trusted; a folder that others may write is not used',
    tests: [
      [survive, 'planted files and sockets'],
      [survive, 'a process of another user'],
    ],
  },
  {
    fault: 'records of hosts that outlived a boot of the machine',
    phpFpm: '',
    hathi: 'whoever has their pid by now is left alone',
    tests: [['master/host-survival.test.ts', 'hosts that do not answer']],
  },
  {
    fault: 'a new version of the program',
    phpFpm: 'restart, or SIGUSR2, which executes the program again and loses requests as a reload does',
    hathi:
      '`hathi upgrade`, SIGUSR2 or an upgrade of the package: the new master takes over hosts, sockets, counters and history; no request is lost',
    tests: [
      [upgrade, 'another version with another Node takes over'],
      [service, 'an upgrade of the package under load'],
    ],
    short: [
      'a new version of the program',
      'restart',
      '`hathi upgrade`: takes over hosts and sockets, no request is lost',
    ],
  },
  {
    fault: 'the new version fails: before, at or after the hand-over',
    phpFpm: '',
    hathi: 'the old master goes on with the same workers',
    tests: [
      [upgrade, 'a program that fails late gives everything back'],
      ['master/successor.test.ts', 'what cannot be trusted, executed or understood'],
    ],
  },
  {
    fault: 'a new PHP, or other ini files',
    phpFpm: 'restart, or a reload, which loses requests',
    hathi:
      'a reload: new hosts have the new PHP, what runs is answered by the old one; where the engine was not built for the new one, the old one serves on',
    tests: [
      ['native/php-upgrade.test.ts', 'under load, by a reload'],
      ['native/php-upgrade.test.ts', 'to one that the engine was not built for'],
    ],
  },
  {
    fault: 'hosts do not answer the next master',
    phpFpm: '',
    hathi: 'all are waited for together, 3 seconds and 20 ms for each; then they are ended, and others start',
    tests: [['master/host-survival.test.ts', 'hosts that do not answer']],
  },
  {
    fault: 'the master is stopped (SIGSTOP) for a while',
    phpFpm: 'nobody manages workers',
    hathi: 'hosts serve; all of them are kept when the master continues',
    tests: [['master/stopped-host.test.ts', 'stopped']],
  },
  {
    fault: 'a listening descriptor is closed under the hands of the master',
    phpFpm: '',
    hathi: 'it is taken again from a host that has the same socket',
    tests: [['master/lost-descriptor.test.ts', 'a descriptor that is closed']],
  },
];

const configuration: readonly Fault[] = [
  {
    fault: 'reload under load',
    phpFpm: 'loses requests at its defaults (measured: 35 of 968 over five reloads)',
    hathi: 'loses none',
    tests: [['blackbox/reload-under-load.test.ts', 'reloads under load lose no request']],
    short: [
      'reload under load, default settings',
      'loses requests',
      'loses none; both generations accept during the change',
    ],
  },
  {
    fault: 'reload with a broken file',
    phpFpm: 'master and workers are gone (measured)',
    hathi: 'refused with the place; the running generation serves on',
    tests: [['master/refused-reload.test.ts', 'after a reload that is refused everything is as before']],
    short: [
      'reload with a broken file',
      'master and workers gone',
      'refused with file, line and a caret; the old generation serves on',
    ],
  },
  {
    fault: 'a file that is gone, empty or no text',
    phpFpm: '',
    hathi: 'the reload is refused and nothing more',
    tests: [['blackbox/faults.test.ts', 'a configuration file that is gone or unreadable']],
  },
  {
    fault: 'a valid configuration that is wrong',
    phpFpm: 'old files, if somebody has them',
    hathi: '`hathi rollback`',
    tests: [['cli/rollback.test.ts', 'each configuration that was in force is kept once']],
  },
  {
    fault: 'new code that does not work',
    phpFpm: 'serves at once',
    hathi: '`reload.probe`: the old generation stays, with the reason',
    tests: [[proof, 'the answer decides, the old generation stays']],
  },
  {
    fault: 'new code that fails for some requests, or is slow',
    phpFpm: 'serves all at once',
    hathi: '`reload.canary`: a share of connections for a while, then all or back',
    tests: [[proof, 'a share of connections at first, then all; or back']],
  },
  {
    fault: 'unavailable sockets, logs or folders',
    phpFpm: '',
    hathi: 'the plan is discarded as a whole',
    tests: [['master/plan.test.ts', 'those in use are left alone until the commit']],
  },
];

const hosts: readonly Fault[] = [
  {
    fault: 'a worker is killed or crashes',
    phpFpm: '502, another worker starts',
    hathi: 'its client gets an answer where that is possible; another worker starts',
    tests: [
      ['native/faults.test.ts', 'recursion without end, memory without end, a crash'],
      ['native/ends.test.ts', 'the end of a worker'],
    ],
  },
  {
    fault: 'a host is killed',
    phpFpm: 'has no hosts',
    hathi: 'its workers finish, another host starts; the socket stays open',
    tests: [['blackbox/faults.test.ts', 'a host that is killed under load']],
  },
  {
    fault: 'a host does not answer, or breaks the contract',
    phpFpm: 'has no hosts',
    hathi: 'it is replaced; other pools notice nothing',
    tests: [
      ['master/hostile-host.test.ts', 'whatever a host does is the loss of its own pool'],
      ['master/stopped-host.test.ts', 'is replaced, told once'],
    ],
  },
  {
    fault: 'the template is killed',
    phpFpm: 'has no templates',
    hathi: 'its hosts serve on, the next host comes from another one',
    tests: [['native/template.test.ts', 'it is gone: hosts serve on']],
  },
  {
    fault: 'no descriptors are left for a host',
    phpFpm: '',
    hathi: 'the log says so, and the pool is back once there are some',
    tests: [['blackbox/faults.test.ts', 'no descriptors left for a host']],
  },
  {
    fault: 'a worker forges its scoreboard',
    phpFpm: 'trusted (CVE-2021-21703)',
    hathi: 'bounds everywhere',
    tests: [['native/forged-scoreboard.test.ts', 'the queue of a lane']],
  },
  {
    fault: 'memory is short',
    phpFpm: 'the kernel chooses',
    hathi: 'limits a worker, one answer lost at most',
    tests: [['native/memory-limits.test.ts', 'no request is lost']],
  },
  {
    fault: 'all workers are busy',
    phpFpm: 'the status page does not answer (measured: no answer in 3 s)',
    hathi: 'it answers',
    tests: [['blackbox/exhausted-pool.test.ts', 'its own status page alone']],
    short: [
      'status page while all workers are busy',
      'no answer',
      'answers (native engine: on `pm.status_listen`)',
    ],
  },
];

const clients: readonly Fault[] = [
  {
    fault: 'malformed FastCGI, slow and deaf clients',
    phpFpm: '',
    hathi: 'bounds on time and memory',
    tests: [
      ['blackbox/faults-input.test.ts', 'malformed bytes, half requests'],
      ['native/deaf-clients.test.ts', 'no answer read'],
    ],
  },
  {
    fault: 'a full disk, a log that cannot be written',
    phpFpm: '',
    hathi: 'requests continue',
    tests: [['blackbox/faults-disk.test.ts', 'a full disk costs lines and uploads, not requests']],
  },
  {
    fault: 'links and files that others put in the way',
    phpFpm: 'followed in places',
    hathi: 'refused by name',
    tests: [['blackbox/foreign-files.test.ts', 'a FIFO, links and a hard link']],
  },
  {
    fault: 'a socket file that somebody removes or replaces',
    phpFpm: '',
    hathi: 'the next reload makes it anew; one that is refused changes nothing',
    tests: [['master/socket-folder.test.ts', 'a socket that was removed, renamed or replaced']],
  },
];

export const faultGroups: readonly FaultGroup[] = [
  { title: 'The master', faults: master },
  { title: 'Configuration', faults: configuration },
  { title: 'Hosts and workers', faults: hosts },
  { title: 'Clients and disks', faults: clients },
];

function row(cells: readonly string[]): string {
  return `|${cells.map((cell) => (cell === '' ? ' ' : ` ${cell} `)).join('|')}|`;
}

/** The tables for docs/reliability.md. */
export function faultsMarkdown(): string {
  return faultGroups
    .map(({ title, faults }) => {
      const rows = faults.map(({ fault, phpFpm, hathi, tests }) => {
        const files = [...new Set(tests.map(([file]) => file))];
        const links = files.map((file) => `[${nameOf(file)}](../tests/${file})`).join(', ');
        return row([fault, phpFpm, hathi, links]);
      });
      return [
        `\n## ${title}\n`,
        row(['fault', 'php-fpm', 'Hathi', 'test']),
        '|---|---|---|---|',
        ...rows,
        '',
      ].join('\n');
    })
    .join('')
    .concat('\n');
}

function nameOf(file: string): string {
  return /([^/]+)\.test\.ts$/.exec(file)?.[1] ?? file;
}

/**
 * The README with its rows of the short form, each in the place of the row with the same fault.
 *
 * @throws Error where one is missing
 */
export function withShortFaults(page: string): string {
  const all = faultGroups.flatMap(({ faults }) => faults.flatMap(({ short }) => (short ? [short] : [])));
  return all.reduce((current, cells) => {
    const lines = current.split('\n');
    const at = lines.findIndex((line) => line.startsWith(`| ${cells[0]} |`));
    if (at === -1) throw new Error(`Cannot generate the page: it lacks the row "| ${cells[0]} |"`);
    return lines.with(at, row(cells)).join('\n');
  }, page);
}
