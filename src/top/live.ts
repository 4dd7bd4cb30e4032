/** `hathi top` while it runs: asks every few seconds, draws, and acts on keys. */

import { AdminError } from './admin-client.ts';
import { poolsPath, readSnapshot, readStack, type Snapshot, SnapshotError } from './parse-answer.ts';
import { readRoutes } from './routes.ts';
import { renderScreen } from './screen.ts';
import { type Effect, initialState, modes, press, type Target, type TopState } from './state.ts';
import { Terminal } from './terminal.ts';

export interface LiveOptions {
  /** @throws AdminError */
  readonly ask: (method: 'GET' | 'POST', path: string) => Promise<unknown>;
  readonly input: NodeJS.ReadStream;
  readonly output: NodeJS.WriteStream;
  readonly color: boolean;
  readonly filter: string;
  readonly intervalMs: number;
}

export class LiveView {
  readonly #options: LiveOptions;
  readonly #terminal: Terminal;
  readonly #ended = Promise.withResolvers<number>();
  #snapshot: Snapshot;
  #state: TopState;
  #timer: NodeJS.Timeout | undefined;
  /** Error of the last request for the pools. */
  #trouble: string | undefined;

  /** @param first is shown until the next answer */
  constructor(options: LiveOptions, first: Snapshot) {
    this.#options = options;
    this.#snapshot = first;
    this.#state = initialState(options.filter);
    this.#terminal = new Terminal(options.input, options.output, {
      onKey: (key) => this.#onKey(key),
      onResize: () => this.#draw(),
      onEnd: (code) => this.#ended.resolve(code),
    });
  }

  /** @returns the exit code, when the operator quits */
  async run(): Promise<number> {
    this.#terminal.open();
    try {
      this.#draw();
      this.#plan();
      return await this.#ended.promise;
    } finally {
      clearTimeout(this.#timer);
      this.#terminal.close();
    }
  }

  /** The next request follows the last answer, so a slow master never has two at once. */
  #plan(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#refresh().then(() => this.#plan()), this.#options.intervalMs);
  }

  async #refresh(): Promise<void> {
    if (this.#state.isPaused) return;
    const trouble = await troubleOf(async () => {
      this.#snapshot = readSnapshot(await this.#options.ask('GET', this.#poolsPath()));
      if (this.#state.mode === modes.routes) await this.#readRoutes();
    });
    // An answer clears the notice about the last request; a notice about a key stays.
    if (trouble !== undefined || this.#state.notice === this.#trouble) this.#say(trouble ?? '');
    this.#trouble = trouble;
    this.#draw();
  }

  /** Of thousands of pools the ones that match the filter come first. */
  #poolsPath(): string {
    return poolsPath({ first: this.#state.selection.filter });
  }

  #onKey(key: string): void {
    const { state, effect } = press(this.#state, key, this.#snapshot);
    this.#state = state;
    if (effect !== undefined) this.#do(effect);
    this.#draw();
  }

  #do(effect: Effect): void {
    switch (effect.type) {
      case 'quit':
        return this.#ended.resolve(0);
      case 'suspend':
        return this.#terminal.suspend();
      case 'redraw':
        return this.#terminal.forget();
      case 'stack':
        return void this.#showStack(effect);
      case 'routes':
        return void this.#showRoutes();
      case 'end':
        return void this.#endWorker(effect, effect.how);
      default:
        throw new Error(`no way to do ${JSON.stringify(effect satisfies never)}`);
    }
  }

  async #showStack({ pool, pid }: Target): Promise<void> {
    let stack: readonly string[] = [];
    const trouble = await troubleOf(async () => {
      stack = readStack(await this.#options.ask('GET', `/api/stack?${query({ pool, pid })}`));
    });
    if (trouble !== undefined) stack = [trouble];
    this.#state = { ...this.#state, mode: modes.stack, stack, scroll: 0 };
    this.#draw();
  }

  async #showRoutes(): Promise<void> {
    const trouble = await troubleOf(() => this.#readRoutes());
    if (trouble !== undefined) this.#say(trouble);
    this.#draw();
  }

  async #readRoutes(): Promise<void> {
    const routes = readRoutes(await this.#options.ask('GET', '/api/routes'));
    this.#state = { ...this.#state, routes };
  }

  async #endWorker({ pool, pid }: Target, how: string): Promise<void> {
    const trouble = await troubleOf(async () => {
      await this.#options.ask('POST', `/api/end-worker?${query({ pool, pid, how })}`);
    });
    this.#say(trouble ?? `Child ${pid} of pool ${pool} was asked to end.`);
    this.#draw();
  }

  #say(notice: string): void {
    this.#state = { ...this.#state, notice };
  }

  #draw(): void {
    const { width, height } = this.#terminal;
    const screen = { width, height, color: this.#options.color };
    this.#terminal.draw(renderScreen(this.#snapshot, this.#state, screen));
  }
}

/** The master's error in words; undefined on success. */
async function troubleOf(action: () => Promise<void>): Promise<string | undefined> {
  try {
    await action();
    return undefined;
  } catch (error) {
    if (!(error instanceof AdminError || error instanceof SnapshotError)) throw error;
    return error.message;
  }
}

function query(values: Readonly<Record<string, string | number>>): string {
  const texts = Object.entries(values).map(([key, value]) => [key, String(value)] as [string, string]);
  return new URLSearchParams(texts).toString();
}
