/** A real terminal: a tmux server of the test's own with one window, for typing and reading. */
import { execFileSync } from 'node:child_process';
import { debianPackages } from './debian.ts';
import { descendants, type ProcessId } from './processes.ts';
import { cleanEnv } from './server.ts';
import { poll } from './waiting.ts';

export interface ScreenSize {
  readonly width: number;
  readonly height: number;
}

export class TmuxTerminal implements Disposable {
  readonly #socket: string;

  /** @param script for sh; the window stays until the end of the scope */
  constructor(socket: string, script: string, { width, height }: ScreenSize) {
    this.#socket = socket;
    const size = ['-x', String(width), '-y', String(height)];
    this.#tmux('-f', '/dev/null', 'new-session', '-d', ...size, `${script}\nexec sleep 600`);
  }

  /** The rows of the screen, without trailing blanks. */
  screen(): string[] {
    const rows = this.#tmux('capture-pane', '-p').split('\n').slice(0, -1);
    return rows.map((row) => row.trimEnd());
  }

  /** Waits until the screen shows it; returns the rows. */
  async shows(pattern: RegExp): Promise<string[]> {
    let rows: string[] = [];
    const seen = async () => {
      rows = this.screen();
      return pattern.test(rows.join('\n')) ? rows : undefined;
    };
    return await poll(`${pattern} on the screen`, seen).catch((error: Error) => {
      throw new Error(`${error.message}:\n${rows.join('\n')}`);
    });
  }

  /** Keys by tmux's names: `q`, `Down`, `Enter`, `C-c`. */
  type(...keys: string[]): void {
    this.#tmux('send-keys', ...keys);
  }

  resize({ width, height }: ScreenSize): void {
    this.#tmux('resize-window', '-x', String(width), '-y', String(height));
  }

  /** Whether the alternate screen is active, and whether the cursor is visible. */
  modes(): { readonly isAlternate: boolean; readonly hasCursor: boolean } {
    const [alternate, cursor] = this.#tmux('display-message', '-p', '#{alternate_on} #{cursor_flag}')
      .trim()
      .split(' ');
    return { isAlternate: alternate === '1', hasCursor: cursor === '1' };
  }

  /** Processes that the script started. */
  processes(): ProcessId[] {
    return descendants(Number(this.#tmux('display-message', '-p', '#{pane_pid}')));
  }

  [Symbol.dispose](): void {
    this.#tmux('kill-server');
  }

  #tmux(...args: string[]): string {
    return execFileSync(debianPackages.tmux.probe, ['-S', this.#socket, ...args], {
      encoding: 'utf8',
      env: cleanEnv(),
      timeout: 10_000,
    });
  }
}
