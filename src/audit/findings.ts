/** The only list of what an audit finds: ids, severities, texts. The documentation's table is made from it. */

import type { Severity } from '../figures/findings.ts';

/** A row of the table. */
interface FindingKind {
  readonly severity: Severity;
  /** Its name in a few words. */
  readonly title: string;
  /** The remedy. */
  readonly mend: string;
}

const critical = (title: string, mend: string): FindingKind => ({ severity: 'critical', title, mend });
const warning = (title: string, mend: string): FindingKind => ({ severity: 'warning', title, mend });
const advice = (title: string, mend: string): FindingKind => ({ severity: 'advice', title, mend });

const resetService =
  "keep state of a request in objects that end with it, or in services that the framework resets (`kernel.reset`, Octane's listeners)";
const undo = 'undo it in a `finally` of the handler, or set it once at the boot';

export const findingKinds = {
  'no-answer': critical(
    'a warm worker does not answer, a fresh one does',
    'look for a fatal error in the lines of the log below the report',
  ),
  status: critical('a warm worker answers with another status', resetService),
  header: critical('a header differs in a warm worker', resetService),
  cookie: critical('a cookie differs in a warm worker', resetService),
  body: critical('the body differs in a warm worker', resetService),
  crossing: critical('an answer has the mark of another request in it', resetService),
  'old-request': warning(
    'values of a request are still there after the next one',
    'clear the place at the end of a request; nobody should find there what another visitor sent',
  ),
  timeout: warning(
    'the request has no answer in time',
    'give --timeout more seconds, or leave the request out',
  ),
  fatal: warning(
    'the request ends the worker by a fatal error',
    'mend the error: each such request costs a worker and a boot',
  ),
  exit: warning(
    'the handler ends by exit, so the application boots anew after each such request',
    'return from the handler, or throw and catch; `worker.on_exit = keep` keeps the application',
  ),
  'loop-ended': warning(
    'the script ends after a request',
    'call hathi_handle_request() in a loop, as long as it returns true',
  ),
  statics: warning('a static variable, or a value in it, grows with each request', resetService),
  globals: warning('a global variable, or a value in it, grows with each request', resetService),
  locals: warning(
    'a variable of the function that runs the loop, or a value in it, grows with each request',
    resetService,
  ),
  objects: warning(
    'each request leaves objects behind',
    'look for a list, a cache or a listener that holds them',
  ),
  memory: warning(
    'memory grows with each request, and nothing that has a name does',
    'look for an extension that keeps something; `worker.max_requests` replaces workers in time',
  ),
  descriptors: warning('each request leaves an open descriptor behind', 'close the file or the connection'),
  resources: warning('each request leaves an open resource behind', 'close it at the end of the request'),
  code: warning(
    'each request declares or includes more code',
    'include a file once; declare no functions, classes or constants in a request',
  ),
  autoloaders: warning('each request registers another autoloader', 'register it at the boot'),
  'stream-wrappers': warning(
    'each request registers another stream wrapper or filter',
    'register it at the boot, or unregister it',
  ),
  'error-handler': warning(
    'the error handler is another one after the request',
    'call restore_error_handler()',
  ),
  'exception-handler': warning(
    'the exception handler is another one after the request',
    'call restore_exception_handler()',
  ),
  'output-buffer': warning('output buffering is open after the end of the request', 'call ob_end_clean()'),
  'shutdown-function': warning(
    'a shutdown function stays after the request',
    'register it in the handler, where it runs at the end of the request, or at the boot',
  ),
  ini: warning('an ini value is another one after the request', undo),
  env: warning('an environment variable is another one after the request', undo),
  locale: warning('the locale is another one after the request', undo),
  timezone: warning('the default timezone is another one after the request', undo),
  umask: warning('the umask is another one after the request', undo),
  'working-folder': warning('the working folder is another one after the request', undo),
  'set-once': warning(
    'only the first request sets it, and Hathi puts it back at its end: later requests run without it',
    'set it at the boot or in the pool (`php_value`), or in every request',
  ),
  extension: warning("an extension's setting is another one after the request", undo),
  transaction: warning(
    'a database connection is in a transaction after the request',
    'commit or roll back in a `finally`: the next request would write into it',
  ),
  'error-answer': advice(
    'a fresh process answers with an error as well',
    'give the audit a request that works: what it leaves behind tells more',
  ),
  'put-back': advice(
    'the request changes what Hathi puts back at its end',
    'nothing in Hathi; other servers for booted applications may not put it back',
  ),
  'first-request': advice(
    'the first request sets it up, whichever it is',
    'do it at the boot, so that no visitor waits for it',
  ),
  'last-request': advice(
    'values of a request stay until the next one',
    'clear the place at the end of the request, if memory or secrets matter',
  ),
  changed: advice(
    'a static or global variable has another value after the request',
    'make sure that the next visitor may see what comes of it',
  ),
  'not-compared': advice(
    'fresh processes answer too differently to compare anything',
    'take out what varies with --ignore, or audit other requests',
  ),
  'not-followed': advice(
    'the application keeps more values than an audit follows',
    'memory, objects and the rest are compared as ever',
  ),
} as const satisfies Readonly<Record<string, FindingKind>>;

export type FindingId = keyof typeof findingKinds;

export function isFindingId(text: string): text is FindingId {
  return Object.hasOwn(findingKinds, text);
}

export interface Finding {
  readonly id: FindingId;
  readonly severity: Severity;
  /** The part of the state: an ini value, a class, a place; '' where there is only one. */
  readonly name: string;
  /** Indexes of the requests that cause it, in order. */
  readonly requests: readonly number[];
  /** Observations, one fact a line. */
  readonly seen: readonly string[];
}

export function finding(
  id: FindingId,
  name: string,
  requests: readonly number[],
  seen: readonly string[],
): Finding {
  return { id, severity: findingKinds[id].severity, name, requests, seen };
}

/** Joins findings with the same id and name: one fault that several requests have. */
export function joined(findings: readonly Finding[]): Finding[] {
  const groups = Map.groupBy(findings, ({ id, name }) => `${id}\0${name}`);
  return [...groups.values()].map((group) => {
    const { id, name } = group[0]!;
    const requests = [...new Set(group.flatMap((each) => each.requests))].sort((one, other) => one - other);
    const seen = [...new Set(group.flatMap((each) => each.seen))];
    return finding(id, name, requests, seen.slice(0, mostSeen));
  });
}

/** Further observations of one fault add nothing. */
const mostSeen = 4;

/** The table in Markdown, for docs/worker-mode.md. */
export function findingsMarkdown(): string {
  const rows = Object.entries(findingKinds).map(
    ([id, { severity, title, mend }]) => `| \`${id}\` | ${severity} | ${title} | ${mend} |\n`,
  );
  return `| id | severity | finding | remedy |\n|---|---|---|---|\n${rows.join('')}`;
}
