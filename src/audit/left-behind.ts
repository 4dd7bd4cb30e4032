/** Finds what requests leave behind in a warm worker. */

import { sizeText } from '../text/size.ts';
import { type Finding, type FindingId, finding } from './findings.ts';
import { type FreshStep, goesOn, repeated, type Step } from './observation.ts';
import { rootKind, rootOf } from './places.ts';
import {
  bytesSuffix,
  countParts,
  identities,
  keptMarks,
  type Part,
  type Parts,
  settingParts,
  stateParts,
} from './state.ts';

/** @param fresh first requests of fresh workers, which tell what any first request sets up */
export function findLeftBehind(steps: readonly Step[], fresh: readonly FreshStep[]): Finding[] {
  const lasting = steps.filter(goesOn);
  const changes = findChanges(lasting, setUpByAny(fresh));
  const again = steps.filter((step, index) => isAgain(step, steps[index - 1]));
  const growth = findGrowth(again, findChanges(again, new Set()));
  const grown = new Set(growth.map(({ name }) => name));
  const once = setOnce(steps, fresh);
  const isOnce = ({ name }: Finding): boolean => once.some((other) => other.name === name);
  return [
    ...changes,
    ...growth,
    ...keptRequests(lasting, grown),
    ...lasting.flatMap((step) => changedValues(step, grown)),
    ...once,
    ...steps.flatMap(putBack).filter((each) => !isOnce(each)),
    ...(steps.some(({ before }) => before.cut) ? [finding('not-followed', '', [], [])] : []),
  ];
}

/** Growth is looked for in the second pass, when lists that are filled once are full. */
function isAgain(step: Step, previous: Step | undefined): boolean {
  if (step.pass !== 2 || !goesOn(step)) return false;
  return previous?.request === step.request && goesOn(previous);
}

/** Keys of the state that the first request of a fresh worker changes, whichever it is; needs two requests. */
function setUpByAny(fresh: readonly FreshStep[]): ReadonlySet<string> {
  const byRequest = Map.groupBy(
    fresh.filter(({ after }) => after !== undefined),
    ({ request }) => request,
  );
  if (byRequest.size < 2) return new Set();
  const sets = [...byRequest.values()].map(
    ([step]) => new Set(step && changedParts(stateParts(step.before), stateParts(step.after!)).keys()),
  );
  const [first = new Set<string>(), ...others] = sets;
  return new Set([...first].filter((key) => others.every((each) => each.has(key))));
}

interface Change {
  readonly id: FindingId;
  readonly name: string;
  readonly from: string;
  readonly to: string;
}

function changedParts(before: Parts<string>, after: Parts<string>): Map<string, Change> {
  const changes = new Map<string, Change>();
  for (const key of new Set([...before.keys(), ...after.keys()])) {
    const [old, now] = [before.get(key), after.get(key)];
    const { id, name } = (old ?? now)!;
    if (old?.value !== now?.value)
      changes.set(key, { id, name, from: old?.value ?? '', to: now?.value ?? '' });
  }
  return changes;
}

function findChanges(steps: readonly Step[], setUp: ReadonlySet<string>): Finding[] {
  let boot: Parts<string> = new Map();
  return steps.flatMap(({ request, before, after }) => {
    const isFirst = before.served === 0;
    if (isFirst) boot = stateParts(before);
    return [...changedParts(stateParts(before), stateParts(after!))].flatMap(([key, change]) => {
      const { id, name } = change;
      if (isFirst && setUp.has(key)) {
        const what = name === '' ? id : `${id} ${name}`;
        return [finding('first-request', what, [], [told(change)])];
      }
      // The rest of another request is gone again.
      if ((boot.get(key)?.value ?? '') === change.to) return [];
      return [finding(id, name, [request], [told(change)])];
    });
  });
}

/** Values of environment variables may be secrets; only hashes of them are known. */
function told({ id, from, to }: Change): string {
  if (id === 'env') return from === '' ? 'set' : to === '' ? 'unset' : 'another value';
  if (id === 'locale') return toldLocale(from, to);
  const shown = (value: string): string => (value === '' ? 'none' : value);
  return `${shown(from)} before, ${shown(to)} after`;
}

/** `LC_CTYPE=C;LC_NUMERIC=de_DE.UTF-8;…`, or one name for all categories (setlocale(3)). */
function toldLocale(from: string, to: string): string {
  const [old, now] = [categories(from), categories(to)];
  const changed = [...new Set([...old.keys(), ...now.keys()])].filter(
    (name) => name !== '' && (old.get(name) ?? from) !== (now.get(name) ?? to),
  );
  const shown = changed
    .slice(0, 3)
    .map((name) => `${name} ${old.get(name) ?? from} before, ${now.get(name) ?? to} after`);
  if (shown.length === 0) return `${from} before, ${to} after`;
  return `${shown.join('; ')}${changed.length > 3 ? `; ${changed.length - 3} categories more` : ''}`;
}

function categories(locale: string): Map<string, string> {
  if (!locale.includes('=')) return new Map();
  return new Map(locale.split(';').map((part) => [part.split('=')[0] ?? '', part.split('=')[1] ?? '']));
}

/* --- growth ------------------------------------------------------------------------------------------------------- */

interface Growth {
  readonly part: Part<number>;
  readonly request: number;
  /** The least growth of one request. */
  readonly least: number;
}

/**
 * A request grows a part if it does so each time that it follows itself: behind another request, what that one had
 * left would count as well, its `$_SERVER` for example.
 *
 * @param steps those that follow a step of the same request
 */
function findGrowth(steps: readonly Step[], changes: readonly Finding[]): Finding[] {
  return [...Map.groupBy(steps, ({ request }) => request)].flatMap(([request, own]) => {
    const grown = own.map(({ before, after }) => grownParts(countParts(before), countParts(after!)));
    const growths = [...(grown[0] ?? [])].flatMap(([key, { part }]): Growth[] => {
      const least = Math.min(...grown.map((each) => each.get(key)?.delta ?? 0));
      return least > 0 ? [{ part, request, least }] : [];
    });
    const changed = changes.filter(({ requests }) => requests.includes(request)).map(({ id }) => id);
    return own.length < 2 ? [] : growthFindings(growths, request, changed);
  });
}

function grownParts(
  before: Parts<number>,
  after: Parts<number>,
): Map<string, { readonly part: Part<number>; readonly delta: number }> {
  const grown = new Map<string, { part: Part<number>; delta: number }>();
  for (const [key, part] of after) {
    const old = before.get(key);
    const isValue = part.id === 'statics' || part.id === 'globals' || part.id === 'locals';
    // A value that is new has grown its parent.
    if (old === undefined && isValue) continue;
    const delta = part.value - (old?.value ?? 0);
    if (delta > 0) grown.set(key, { part, delta });
  }
  return grown;
}

/** The explanation of another part that grows: both are reported together. */
const holders: readonly FindingId[] = [
  ...(['statics', 'globals', 'locals', 'autoloaders', 'stream-wrappers'] as const),
  ...(['error-handler', 'exception-handler', 'shutdown-function', 'output-buffer'] as const),
];
const explains: Readonly<Partial<Record<FindingId, readonly FindingId[]>>> = {
  memory: [...holders, 'objects', 'descriptors', 'resources', 'code', 'env'],
  objects: holders,
  resources: ['descriptors', 'stream-wrappers'],
};

function growthFindings(
  growths: readonly Growth[],
  request: number,
  changed: readonly FindingId[],
): Finding[] {
  const ids = new Set([...growths.map(({ part }) => part.id), ...changed]);
  const isExplained = ({ part }: Growth): boolean => (explains[part.id] ?? []).some((id) => ids.has(id));
  const names = new Set(growths.map(({ part }) => part.name));
  const besides = growths.filter(isExplained).map(({ part, least }) => `also: ${amount(part, least)}`);
  return (
    growths
      .filter((growth) => !isExplained(growth))
      // The same place by its strings, where its elements grow too.
      .filter(
        ({ part: { name } }) =>
          !(name.endsWith(bytesSuffix) && names.has(name.slice(0, -bytesSuffix.length))),
      )
      .map(({ part, least }, index) => {
        const name = part.name.endsWith(bytesSuffix) ? part.name.slice(0, -bytesSuffix.length) : part.name;
        return finding(part.id, name, [request], [amount(part, least), ...(index === 0 ? besides : [])]);
      })
  );
}

function amount({ id, name }: Part<number>, least: number): string {
  const more = least === 1 ? '1 more' : `${least} more`;
  if (id === 'memory') return `${sizeText(least)} more a request`;
  if (name.endsWith(bytesSuffix)) return `${sizeText(least)} of text more a request`;
  switch (id) {
    case 'objects':
      return `${more} of class ${name} a request`;
    case 'resources':
      return `${more} of type ${name} a request`;
    default:
      return `${more} a request`;
  }
}

/* --- values of requests ------------------------------------------------------------------------------------------- */

/** Places that hold what a request has sent; those in something that grows are told there. */
function keptRequests(steps: readonly Step[], grown: ReadonlySet<string>): Finding[] {
  const requests = new Map(steps.map(({ sequence, request }) => [sequence, request]));
  return steps.flatMap(({ sequence, after }) =>
    keptMarks(after!)
      .filter(({ place }) => ![...grown].some((name) => name !== '' && place.startsWith(name)))
      .map((kept) => {
        const id = kept.sequence === sequence ? 'last-request' : 'old-request';
        const request = requests.get(kept.sequence);
        return finding(id, rootOf(kept.place), request === undefined ? [] : [request], [kept.place]);
      }),
  );
}

function changedValues({ request, before, after }: Step, grown: ReadonlySet<string>): Finding[] {
  const old = identities(before);
  return (
    [...identities(after!)]
      // Statics are there from their first use on.
      .filter(([place]) => old.has(place) || rootKind(place) === 'global')
      .filter(([place, identity]) => old.get(place) !== identity && !grown.has(place))
      .map(([place]) => finding('changed', place, [request], []))
  );
}

/** Changes of the handler that Hathi undoes. */
function putBack(step: Step): Finding[] {
  const { request, handled } = step;
  if (handled === undefined) return [];
  const changes = [...settingChanges(step)].map(([name, change]) =>
    finding('put-back', name, [request], [told(change)]),
  );
  if (handled.level <= 0) return changes;
  const levels = `${handled.level} ${handled.level === 1 ? 'level' : 'levels'} open at the end of the handler`;
  return [...changes, finding('put-back', 'output-buffer', [request], [levels])];
}

function settingChanges({ before, handled }: FreshStep): Map<string, Change> {
  if (handled === undefined) return new Map();
  const changes = [...changedParts(settingParts(before), settingParts(handled)).values()];
  return new Map(
    changes.map((change) => [change.name === '' ? change.id : `${change.id} ${change.name}`, change]),
  );
}

/**
 * What a request sets in a fresh process, and never again in a warm one: an object that stays, made in the first
 * request, has set it. Hathi has put it back, and the next requests run without it.
 */
function setOnce(steps: readonly Step[], fresh: readonly FreshStep[]): Finding[] {
  const late = Map.groupBy(repeated(steps), ({ request }) => request);
  return fresh.flatMap((first) => {
    const later = late.get(first.request)?.map(settingChanges) ?? [];
    return [...settingChanges(first)]
      .filter(([name]) => later.length > 0 && !later.some((changes) => changes.has(name)))
      .map(([name, change]) => finding('set-once', name, [first.request], [told(change)]));
  });
}
