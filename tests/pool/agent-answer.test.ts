/** Answers to a load balancer's agent. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type AgentFacts, agentAnswer } from '../../src/pool/agent-answer.ts';

const idle: AgentFacts = {
  isServed: true,
  isDrained: false,
  isLeaving: false,
  load: { busy: 0, waiting: 0, limit: 8 },
};
const busy = (count: number, waiting = 0) => ({ ...idle, load: { busy: count, waiting, limit: 8 } });

for (const [title, facts, answer] of [
  ['an idle pool', idle, 'ready up 100%'],
  ['half of it busy', busy(4), 'ready up 50%'],
  ['nearly full', { ...idle, load: { busy: 499, waiting: 0, limit: 500 } }, 'ready up 1%'],
  ['full', busy(8), 'drain'],
  ['over full', busy(8, 3), 'drain'],
  ['waiting connections that fill it', busy(5, 3), 'drain'],
  ['nobody serves it', { ...idle, isServed: false }, 'ready down#no host serves the pool'],
  ['leaving', { ...idle, isLeaving: true }, 'drain'],
  ['drained', { ...idle, isDrained: true }, 'maint'],
  ['drained, full and leaving', { ...busy(8), isDrained: true, isLeaving: true }, 'maint'],
] as const) {
  test(`${title}: ${answer}`, () => assert.equal(agentAnswer(facts), `${answer}\n`));
}
