/** The engines for tests of a whole server: the same black-box tests run once for each. */
import { type TestContext, type TestOptions, test } from 'node:test';
import { nativeBuild } from '../native/built-engine.ts';
import { type EngineName, serverKind } from './server.ts';

/** An engine, and the reason why it cannot be tested on this machine. */
export interface TestEngine {
  readonly name: EngineName;
  readonly skip: string | false;
}

/** Both engines; the reference has its own, so one round is enough there. */
export const engines: readonly TestEngine[] =
  serverKind === 'php-fpm'
    ? [{ name: 'embedded', skip: false }]
    : [
        { name: 'embedded', skip: false },
        { name: 'native', skip: nativeBuild().skip },
      ];

type Body = (engine: EngineName, context: TestContext) => Promise<void>;

/**
 * Registers a test once for each engine, named in its title. `only` excludes one; the caller's comment has the reason.
 */
export function testEngines(
  name: string,
  options: Omit<TestOptions, 'only'> & { readonly only?: EngineName },
  body: Body,
): void {
  const { only, ...rest } = options;
  for (const engine of engines) {
    if (only !== undefined && engine.name !== only) continue;
    const skip = engine.skip || rest.skip || false;
    // The reference and a single engine need no mark.
    const title = only === undefined && engines.length > 1 ? `${name} (${engine.name})` : name;
    test(title, { ...rest, skip }, (context) => body(engine.name, context));
  }
}
