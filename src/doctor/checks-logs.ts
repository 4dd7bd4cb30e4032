/**
 * Whether an operator sees slow requests, whether anything ends them, and whether logs are rotated before the disk is
 * full.
 */

import type { Facts, LogFile, PoolFacts } from './facts.ts';
import type { Check, Sighting } from './finding.ts';
import { type LogRotation, rotationsOf } from './logrotate-config.ts';
import { fpmManual, guide, logrotateManual } from './sources.ts';
import { inSection, placeOf, poolSubject } from './words.ts';

function hasSlowLog({ config }: PoolFacts): boolean {
  return config.request_slowlog_timeout > 0 && Boolean(config.slowlog);
}

function lookAtSlowLog({ pools }: Facts): Sighting[] {
  return pools
    .filter((pool) => !hasSlowLog(pool))
    .map((pool) => ({
      subject: poolSubject(pool),
      place: placeOf(pool, 'request_slowlog_timeout'),
      seen: pool.config.slowlog
        ? 'slowlog is set, and request_slowlog_timeout is 0'
        : 'neither slowlog nor request_slowlog_timeout is set',
      mend: inSection(
        pool.config,
        `slowlog = ${pool.config.slowlog || `/var/log/php-fpm/${pool.name}-slow.log`}`,
        'request_slowlog_timeout = 2s',
      ),
    }));
}

function lookAtLateSlowLog({ pools }: Facts): Sighting[] {
  return pools.flatMap((pool) => {
    const { request_slowlog_timeout: slow, request_terminate_timeout: end } = pool.config;
    if (!hasSlowLog(pool) || end === 0 || slow < end) return [];
    return [
      {
        subject: poolSubject(pool),
        place: placeOf(pool, 'request_slowlog_timeout'),
        seen: `request_slowlog_timeout = ${slow}s, and request_terminate_timeout = ${end}s`,
        mend: inSection(pool.config, `request_slowlog_timeout = ${Math.max(1, Math.min(2, end - 1))}s`),
      },
    ];
  });
}

function lookAtTimeLimits({ pools }: Facts): Sighting[] {
  return pools
    .filter(
      ({ config, ini }) => config.request_terminate_timeout === 0 && ini.quantity('max_execution_time') <= 0,
    )
    .map((pool) => ({
      subject: poolSubject(pool),
      place: placeOf(pool, 'request_terminate_timeout'),
      seen: 'request_terminate_timeout and max_execution_time are both 0',
      mend: inSection(pool.config, 'request_terminate_timeout = 120s'),
    }));
}

function lookAtGrace({ services, pools }: Facts): Sighting[] {
  const longest = Math.max(0, ...pools.map(({ config }) => config.request_terminate_timeout));
  return services.flatMap(({ name, file, stopSeconds }) => {
    if (stopSeconds === undefined || stopSeconds >= longest) return [];
    return [
      {
        subject: name,
        place: { file, line: 1 },
        seen: `the service has ${stopSeconds} s to stop, and a request may take ${longest} s`,
        mend: [`systemctl edit ${name}`, '[Service]', `TimeoutStopSec=${longest + 10}`],
      },
    ];
  });
}

/** logrotate's handling of a log; undefined without logrotate. */
function eachLog(
  look: (
    log: LogFile,
    rotations: readonly LogRotation[],
    pidFile: string | undefined,
  ) => Omit<Sighting, 'subject'> | undefined,
) {
  return ({ logs, rotation, pidFile }: Facts): Sighting[] => {
    if (rotation === undefined) return [];
    return logs.flatMap((log) => {
      const found = look(log, rotationsOf(rotation, log.path), pidFile);
      return found === undefined ? [] : [{ subject: log.subject, ...found }];
    });
  };
}

const lookForRotation = eachLog(({ path, setting }, rotations, pidFile) => {
  if (rotations.length > 0) return undefined;
  return {
    seen: `${setting} ${path} is in no file of logrotate`,
    mend: [
      'in /etc/logrotate.d/hathi:',
      `${path} {`,
      '  weekly',
      '  rotate 12',
      '  missingok',
      '  notifempty',
      '  compress',
      '  delaycompress',
      '  postrotate',
      `    ${reopening(pidFile)}`,
      '  endscript',
      '}',
    ],
  };
});

const lookForDuplicates = eachLog(({ path, setting }, rotations) => {
  const [first, second] = rotations;
  if (first === undefined || second === undefined) return undefined;
  const places = rotations.map(({ place }) => `${place.file}:${place.line}`);
  return {
    place: second.place,
    seen: `${setting} ${path} is in ${places.join(' and in ')}`,
    mend: [
      `Take ${path} out of ${second.place.file}: Debian's own file has it already where it is one of the two`,
    ],
  };
});

const lookForReopening = eachLog(({ path, setting, isHeld }, rotations, pidFile) => {
  const [first] = rotations;
  if (!isHeld || first === undefined || rotations.some((block) => block.copies || reopens(block)))
    return undefined;
  return {
    place: first.place,
    seen: `${setting} ${path} is rotated, and no script has the master open it anew`,
    mend: [`in the block of ${first.place.file}:`, 'postrotate', `  ${reopening(pidFile)}`, 'endscript'],
  };
});

/** The line of a script that makes the master reopen its logs. */
function reopening(pidFile = '/run/hathi.pid'): string {
  return `[ ! -r ${pidFile} ] || kill -USR1 "$(cat ${pidFile})"`;
}

/** Debian's script, a signal, or a reload of the service. */
function reopens({ scripts }: LogRotation): boolean {
  return scripts.some((line) =>
    /reopenlogs|\bUSR1\b|SIGUSR1|\bkill\b|systemctl|invoke-rc\.d|\bservice\b|hathi/.test(line),
  );
}

export const logChecks: readonly Check[] = [
  {
    id: 'no-time-limit',
    severity: 'warning',
    title: 'neither `request_terminate_timeout` nor `max_execution_time` ends a request',
    effect: 'A request that waits for something that does not come keeps its worker for ever.',
    source: fpmManual,
    look: lookAtTimeLimits,
  },
  {
    id: 'slow-log-late',
    severity: 'warning',
    title: '`request_slowlog_timeout` is not below `request_terminate_timeout`',
    effect: 'The request is ended before its stack is written down.',
    source: fpmManual,
    look: lookAtLateSlowLog,
  },
  {
    id: 'service-grace',
    severity: 'advice',
    title: '`TimeoutStopSec` of the service is below `request_terminate_timeout`',
    effect: 'A stop or restart cuts off requests that the pool would have let finish.',
    source: {
      text: 'systemd.service(5)',
      url: 'https://man7.org/linux/man-pages/man5/systemd.service.5.html',
    },
    look: lookAtGrace,
  },
  {
    id: 'no-slow-log',
    severity: 'advice',
    title: 'no slow log',
    effect: 'When requests become slow nobody knows in which function.',
    source: guide,
    look: lookAtSlowLog,
  },
  {
    id: 'log-not-rotated',
    severity: 'warning',
    title: 'a log that logrotate does not know',
    effect: 'It grows until the disk is full.',
    source: guide,
    look: lookForRotation,
  },
  {
    id: 'log-rotated-twice',
    severity: 'warning',
    title: 'a log that two files of logrotate name',
    effect:
      'To logrotate it is a duplicate entry: it leaves out the second block, with all other logs in it.',
    source: logrotateManual,
    look: lookForDuplicates,
  },
  {
    id: 'log-not-reopened',
    severity: 'warning',
    title: 'a log that is rotated, and not opened anew',
    effect: 'Lines still go into the old file, which is compressed or removed meanwhile.',
    source: logrotateManual,
    look: lookForReopening,
  },
];
