/** The sum of OPcache's figures over threads that come and go. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OpcacheTotals } from '../../src/engine/embedded/host/opcache-figures.ts';
import { opcacheFigureNames } from '../../src/scoreboard/layout.ts';

function figures(some: Record<string, number>): number[] {
  return opcacheFigureNames.map((name) => some[name.replace('opcache_', '')] ?? 0);
}

function shown(totals: OpcacheTotals): Record<string, number> {
  return Object.fromEntries(totals.fields().filter(([, value]) => value !== 0));
}

test('threads are added up; what one counted stays when it is gone, what it held does not', () => {
  const totals = new OpcacheTotals();
  assert.deepEqual(shown(totals), {});
  totals.set(0, figures({ hits: 5, misses: 2, memory_used: 100, keys_limit: 7 }));
  totals.set(1, figures({ hits: 1, memory_used: 50, keys_limit: 7 }));
  totals.set(0, figures({ hits: 9, misses: 2, memory_used: 120, keys_limit: 7 }));
  const both = { opcache_hits: 10, opcache_misses: 2, opcache_memory_used: 170, opcache_keys_limit: 14 };
  assert.deepEqual(shown(totals), both);
  totals.drop(0);
  totals.drop(0);
  const one = { opcache_hits: 10, opcache_misses: 2, opcache_memory_used: 50, opcache_keys_limit: 7 };
  assert.deepEqual(shown(totals), one);
});

test('an instance that was made anew goes on from what the one before had counted', () => {
  const totals = new OpcacheTotals();
  totals.set(3, figures({ hits: 8, restarts_memory: 1, scripts: 4 }));
  totals.set(3, figures({ hits: 2, scripts: 1 }));
  assert.deepEqual(shown(totals), { opcache_hits: 10, opcache_restarts_memory: 1, opcache_scripts: 1 });
});
