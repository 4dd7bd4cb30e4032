/** The course of an audit: fresh processes, the warm worker, fresh processes again, and what comes of it. */

import { findInAnswers, suspects } from '../../audit/answers.ts';
import { type Finding, joined } from '../../audit/findings.ts';
import { findLeftBehind } from '../../audit/left-behind.ts';
import { type FreshStep, goesOn, type Step } from '../../audit/observation.ts';
import { requestLabel } from '../../audit/request.ts';
import { onePass } from '../../audit/sequence.ts';
import type { AuditOptions } from './options.ts';
import type { WorkerLane } from './worker-lane.ts';

export interface AuditRun {
  readonly findings: readonly Finding[];
  readonly sent: { readonly fresh: number; readonly warm: number };
}

/** Further fresh processes for a request whose warm answers differ: it may vary more than two could tell. */
const moreFresh = 2;

/**
 * @param progress is told each step
 * @throws AuditError when the application does not boot
 */
export async function runAudit(
  { requests, fresh: freshRuns, ignored }: AuditOptions,
  lanes: { readonly fresh: WorkerLane; readonly warm: WorkerLane },
  progress: (text: string) => void,
): Promise<AuditRun> {
  let sequence = 0;
  const fresh: FreshStep[] = [];
  const steps: Step[] = [];
  const all = requests.map((_, index) => index);
  const label = (index: number): string => requestLabel(requests[index]!);
  const askFresh = async (indexes: readonly number[]): Promise<void> => {
    for (const index of indexes) {
      progress(`fresh process: ${label(index)}`);
      fresh.push(await lanes.fresh.run(requests[index]!, index, ++sequence));
    }
  };
  const askWarm = async (indexes: readonly number[], pass: 1 | 2): Promise<void> => {
    for (const [place, index] of indexes.entries()) {
      progress(`warm worker, pass ${pass} of 2, ${place + 1} of ${indexes.length}: ${label(index)}`);
      steps.push({ ...(await lanes.warm.run(requests[index]!, index, ++sequence)), pass });
    }
  };
  // The clock moves on between the first and the last fresh processes, and the warm worker answers in between.
  await askFresh(all);
  const endless = requestsOf(
    fresh.filter(({ outcome }) => 'reason' in outcome && outcome.reason === 'timeout'),
  );
  const asked = all.filter((index) => !endless.has(index));
  const inOrder = (more: number, last: ReadonlySet<number>): number[] => {
    const places = new Set([...last].map((index) => asked.indexOf(index)));
    return onePass(asked.length, more, places).map((place) => asked[place]!);
  };
  await askWarm(inOrder(0, new Set()), 1);
  await askWarm(inOrder(2, requestsOf(steps.filter((step) => !goesOn(step)))), 2);
  for (let run = 1; run < freshRuns; run += 1) await askFresh(asked);
  for (let run = 0; run < moreFresh; run += 1) await askFresh(suspects({ requests, fresh, steps, ignored }));
  const findings = [...findInAnswers({ requests, fresh, steps, ignored }), ...findLeftBehind(steps, fresh)];
  return { findings: joined(findings), sent: { fresh: fresh.length, warm: steps.length } };
}

function requestsOf(steps: readonly { readonly request: number }[]): ReadonlySet<number> {
  return new Set(steps.map(({ request }) => request));
}
