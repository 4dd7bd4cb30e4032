/**
 * What is asked of the system for each of many pools, and answered alike: it is looked up once for all of them, as long
 * as nothing else runs in between.
 */

let answers: Map<string, unknown> | undefined;

/** Runs something that has no `await` in it; in it each {@link lookedUp} looks once. */
export function inOneLook<T>(act: () => T): T {
  if (answers !== undefined) return act();
  answers = new Map();
  try {
    return act();
  } finally {
    answers = undefined;
  }
}

/** The answer of this look, where one is under way. What throws is asked again. */
export function lookedUp<T>(key: string, look: () => T): T {
  if (answers === undefined) return look();
  if (answers.has(key)) return answers.get(key) as T;
  const answer = look();
  answers.set(key, answer);
  return answer;
}
