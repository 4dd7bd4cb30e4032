/** link() for scripts: the engine's C library makes no hard links. */

import { linkSync } from 'node:fs';
import type { PhpCalls } from './calls.ts';
import type { Engine } from './engine.ts';
import type { ModuleFunctions } from './module-functions.ts';
import { writeValue } from './values.ts';

/** `STREAM_LOCATE_WRAPPERS_ONLY` */
const wrappersOnly = 0x40;
/** `MAXPATHLEN` */
const pathBytes = 4096;

export function installLinks(engine: Engine, functions: ModuleFunctions, calls: PhpCalls): void {
  const checkBasedir = engine.suspendable('php_check_open_basedir');
  functions.replaceAsync('link', () => async (frame, result) => {
    const paths = await calls.arguments(frame, 'pp');
    if (paths === undefined) return;
    writeValue(engine, result, false);
    const [target, link] = paths.map((path) => expandPath(engine, String(path)));
    if (target === undefined || link === undefined) return calls.warn('No such file or directory');
    for (const path of [target, link]) {
      if (
        withPath(engine, path, (text) =>
          engine.function('php_stream_locate_url_wrapper')(text, 0, wrappersOnly),
        )
      )
        return calls.warn('Unable to link to a URL');
    }
    for (const path of [link, target]) {
      const text = engine.memory.allocateString(path);
      const refused = await checkBasedir(text);
      engine.function('free')(text);
      if (refused !== 0) return;
    }
    const failure = makeLink(engine, target, link);
    if (failure !== undefined) return calls.warn(failure);
    writeValue(engine, result, true);
  });
}

/** @returns undefined for an overlong path */
function expandPath(engine: Engine, path: string): string | undefined {
  const room = engine.memory.allocate(pathBytes);
  const found = withPath(engine, path, (text) => engine.function('expand_filepath')(text, room));
  const expanded = found === 0 ? undefined : engine.memory.string(room);
  engine.function('free')(room);
  return expanded;
}

function withPath(engine: Engine, path: string, use: (text: number) => number): number {
  const text = engine.memory.allocateString(path);
  const answer = use(text);
  engine.function('free')(text);
  return answer;
}

/** @returns the error, in the C library's words */
function makeLink(engine: Engine, target: string, link: string): string | undefined {
  const type = engine.fs.filesystems.NODEFS;
  try {
    // Only host files can have a second name.
    for (const path of [target, link]) {
      const { node } = engine.fs.lookupPath(path, { parent: true });
      if (node?.stream_ops !== type.stream_ops) throw Object.assign(new Error(), { code: 'EXDEV' });
    }
    linkSync(Buffer.from(target, 'latin1'), Buffer.from(link, 'latin1'));
    return undefined;
  } catch (error) {
    const { errno } = error as { errno?: number };
    const number = type.convertNodeCode(error) ?? errno ?? 0;
    return engine.memory.string(engine.function('strerror')(number));
  }
}
