/** Finds what differs in the answers of a warm worker, and ways in which requests end. */

import { asBinary, binaryOf, decodeBinary } from '../text/binary.ts';
import { isAnswer } from './answer.ts';
import { type Difference, FreshAnswers, type Ignored } from './compare.ts';
import { type Finding, finding } from './findings.ts';
import type { FreshStep, Step } from './observation.ts';
import { type AuditRequest, markPrefix, requestLabel } from './request.ts';

export interface Compared {
  readonly requests: readonly AuditRequest[];
  readonly fresh: readonly FreshStep[];
  readonly steps: readonly Step[];
  readonly ignored: Ignored;
}

export function findInAnswers(compared: Compared): Finding[] {
  const { requests, steps } = compared;
  const fresh = requests.map((_, request) => freshAnswers(request, compared));
  return [
    ...requests.flatMap((_, request) => findInFresh(request, fresh[request]!, compared)),
    ...steps.flatMap((step) =>
      fresh[step.request]!.differencesOf(step.outcome).map((difference) =>
        finding(
          difference.id,
          difference.name,
          [step.request],
          toldDifference(difference, step.request, fresh, compared),
        ),
      ),
    ),
    ...steps.flatMap(findCrossing),
    ...steps.flatMap(findEnds),
  ];
}

/** Requests whose warm answers differ, so that more fresh answers are worth their time. */
export function suspects(compared: Compared): number[] {
  return compared.requests.flatMap((_, request) => {
    const fresh = freshAnswers(request, compared);
    const differs = ({ request: of, outcome }: Step): boolean =>
      of === request && isAnswer(outcome) && fresh.differencesOf(outcome).length > 0;
    return compared.steps.some(differs) ? [request] : [];
  });
}

function freshAnswers(request: number, { fresh, ignored }: Compared): FreshAnswers {
  const own = fresh.filter((step) => step.request === request);
  return new FreshAnswers(
    own.map(({ outcome }) => outcome),
    ignored,
  );
}

function findInFresh(request: number, answers: FreshAnswers, { fresh }: Compared): Finding[] {
  const failed = fresh.find((step) => step.request === request && !isAnswer(step.outcome))?.outcome;
  if (failed !== undefined && !isAnswer(failed) && failed.reason === 'timeout')
    return [finding('timeout', '', [request], [`in a fresh process: ${failed.message}`])];
  if (failed !== undefined && !isAnswer(failed))
    return [finding('fatal', '', [request], [`in a fresh process: ${failed.message}`])];
  const { status } = answers;
  return [
    ...(status !== undefined && status >= 500
      ? [finding('error-answer', '', [request], [`status ${status}`])]
      : []),
    ...(status === undefined ? [finding('not-compared', 'status', [request], ['the status varies'])] : []),
    ...(answers.isBodyVolatile ? [finding('not-compared', 'body', [request], [])] : []),
  ];
}

/** No volatile place excuses the mark of another request. */
function findCrossing({ request, sequence, outcome }: Step): Finding[] {
  if (!isAnswer(outcome)) return [];
  const texts = [outcome.body, ...outcome.headers.map(([, value]) => value)].join('\n');
  const marks = [...texts.matchAll(new RegExp(`${markPrefix}(\\d+)-`, 'g'))].map(([, number]) =>
    Number(number),
  );
  const foreign = marks.find((number) => number !== sequence);
  if (foreign === undefined) return [];
  return [
    finding(
      'crossing',
      '',
      [request],
      [`the mark of request ${foreign} of the audit in the answer to ${sequence}`],
    ),
  ];
}

function findEnds({ request, outcome, handled, after }: Step): Finding[] {
  if (!isAnswer(outcome) && outcome.reason === 'timeout')
    return [finding('timeout', '', [request], [outcome.message])];
  if (after === undefined) {
    const how = isAnswer(outcome) ? `status ${outcome.status}` : outcome.message;
    return [finding('fatal', '', [request], [how])];
  }
  if (handled?.exited === true) return [finding('exit', '', [request], [])];
  return after.ended ? [finding('loop-ended', '', [request], [])] : [];
}

/* --- in words ------------------------------------------------------------------------------------------------------ */

const longestShown = 160;

function toldDifference(
  { fresh, warm, before }: Difference,
  request: number,
  answers: readonly FreshAnswers[],
  { requests }: Compared,
): string[] {
  const place =
    before === undefined || before.trim() === '' ? '' : ` (after ${quoted(before.trim().slice(-60))})`;
  const from = originOf(warm, request, answers, requests);
  return [
    `fresh ${quoted(fresh)}, warm ${quoted(warm)}${place}`,
    ...(from === undefined ? [] : [`the same text belongs to ${from}`]),
  ];
}

/** Another request whose answer or whose own text has what should not be there. */
function originOf(
  warm: string,
  request: number,
  answers: readonly FreshAnswers[],
  requests: readonly AuditRequest[],
): string | undefined {
  const text = warm.trim();
  const own = answers[request]?.bodies.some((body) => body.includes(text)) ?? false;
  if (text.length < 3 || own || inRequest(requests[request]!, text)) return undefined;
  const index = answers.findIndex(
    ({ bodies }, other) =>
      other !== request && (bodies.some((body) => body.includes(text)) || inRequest(requests[other]!, text)),
  );
  return index === -1 ? undefined : `${requestLabel(requests[index]!)}`;
}

function inRequest({ target, headers, body }: AuditRequest, text: string): boolean {
  const sent = [target, ...headers.map(([, value]) => value), binaryOf(body ?? new Uint8Array())];
  return sent.some((each) => each.includes(text));
}

/** @param text a binary string */
function quoted(text: string): string {
  const shown = decodeBinary(asBinary(text.slice(0, longestShown)));
  return JSON.stringify(text.length > longestShown ? `${shown}…` : shown);
}
