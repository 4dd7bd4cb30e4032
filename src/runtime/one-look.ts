/** What is asked of the system for each of many pools, and answered alike: it is looked up once for all of them. */

import { AsyncLocalStorage } from 'node:async_hooks';

interface Look {
  readonly answers: Map<string, unknown>;
  /** What was begun in it may go on for long after it. */
  isOver: boolean;
}

const looks = new AsyncLocalStorage<Look>();

function currentLook(): Look | undefined {
  const look = looks.getStore();
  return look?.isOver === true ? undefined : look;
}

/** Runs something, which may take several turns of the event loop; in it each {@link lookedUp} looks once. */
export function inOneLook<T>(act: () => T): T {
  if (currentLook() !== undefined) return act();
  const look: Look = { answers: new Map(), isOver: false };
  const end = (): void => {
    look.isOver = true;
    look.answers.clear();
  };
  let isPending = false;
  try {
    const result = looks.run(look, act);
    if (!(result instanceof Promise)) return result;
    isPending = true;
    return result.finally(end) as T;
  } finally {
    if (!isPending) end();
  }
}

/** The answer of this look, where one is under way. What throws is asked again. */
export function lookedUp<T>(key: string, look: () => T): T {
  const answers = currentLook()?.answers;
  if (answers === undefined) return look();
  if (answers.has(key)) return answers.get(key) as T;
  const answer = look();
  answers.set(key, answer);
  return answer;
}
