/** Caches queries to the system that have the same answer for many pools: each is made once for all of them. */

import { AsyncLocalStorage } from 'node:async_hooks';

interface Look {
  readonly answers: Map<string, unknown>;
  /** Work that began in it may continue long after it. */
  isOver: boolean;
}

const looks = new AsyncLocalStorage<Look>();

function currentLook(): Look | undefined {
  const look = looks.getStore();
  return look?.isOver === true ? undefined : look;
}

/** Runs something, possibly over several turns of the event loop; in it each {@link lookedUp} queries once. */
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

/** The cached answer during a look. Failures are queried again. */
export function lookedUp<T>(key: string, look: () => T): T {
  const answers = currentLook()?.answers;
  if (answers === undefined) return look();
  if (answers.has(key)) return answers.get(key) as T;
  const answer = look();
  answers.set(key, answer);
  return answer;
}
