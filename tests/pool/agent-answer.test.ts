/** Answers to a load balancer's agent. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type AgentFacts, agentAnswer } from '../../src/pool/agent-answer.ts';

const idle: AgentFacts = {
  isServed: true,
  isDrained: false,
  isLeaving: false,
  isSaturated: false,
  saturation: 0,
};
const busy = (saturation: number) => ({ ...idle, saturation });

for (const [title, facts, answer] of [
  ['an idle pool', idle, 'ready up 100%'],
  ['half of it busy', busy(0.5), 'ready up 50%'],
  ['nearly full', busy(0.998), 'ready up 1%'],
  ['full for a moment', busy(1), 'ready up 1%'],
  ['waiting connections for a moment', busy(1.4), 'ready up 1%'],
  ['full for a while', { ...busy(1), isSaturated: true }, 'drain'],
  ['full before, not well below yet', { ...busy(0.9), isSaturated: true }, 'drain'],
  ['nobody serves it', { ...idle, isServed: false }, 'ready down#no host serves the pool'],
  ['leaving', { ...idle, isLeaving: true }, 'drain'],
  ['drained', { ...idle, isDrained: true }, 'maint'],
  ['drained, full and leaving', { ...busy(1), isSaturated: true, isDrained: true, isLeaving: true }, 'maint'],
] as const) {
  test(`${title}: ${answer}`, () => assert.equal(agentAnswer(facts), `${answer}\n`));
}
