// @ts-check
/** The button that reloads, and what came of it: of the click, or of a reload that somebody else asked for. */

/** @import { Client } from './client.js' */
/** @import { ReloadResult } from './types.d.ts' */

import { Refused, Unreachable } from './client.js';
import { make, setAttribute } from './dom.js';
import { clock, foreign } from './format.js';

/** New workers may take their time to start. The master keeps no connection for longer than two minutes. */
const waitMs = 110_000;

const words = {
  succeeded: { kind: 'good', title: 'Reloaded', text: 'The new configuration is in force.' },
  partial: {
    kind: 'warn',
    title: 'Reloaded in part',
    text: 'The new configuration is in force, but not every pool could be started with it.',
  },
  refused: {
    kind: 'bad',
    title: 'Reload refused',
    text: 'Nothing has changed: the running configuration stays in force.',
  },
  late: {
    kind: 'warn',
    title: 'Still reloading',
    text: 'Pools tell of their trials, and what comes of it is shown here.',
  },
};

export class Reload {
  #button;
  #panel;
  #client;
  #onFailure;
  /** Time of the result that was shown last. */
  #shownAt = 0;

  /**
   * @param {HTMLButtonElement} button
   * @param {HTMLElement} panel
   * @param {Client} client
   * @param {(error: unknown) => void} onFailure
   */
  constructor(button, panel, client, onFailure) {
    this.#button = button;
    this.#panel = panel;
    this.#client = client;
    this.#onFailure = onFailure;
    button.addEventListener('click', () => this.#reload());
  }

  /** A reload that did not go well is shown, whoever asked for it. @param {ReloadResult | undefined} last */
  show(last) {
    if (last === undefined || last.at <= this.#shownAt || this.#button.disabled) return;
    if (last.outcome === 'succeeded') this.#hide();
    else this.#tell(last);
    this.#shownAt = last.at;
  }

  async #reload() {
    this.#button.disabled = true;
    this.#button.textContent = 'Reloading …';
    try {
      const response = await this.#client.ask('api/reload?wait=1', { method: 'POST', wait: waitMs });
      const result = /** @type {ReloadResult} */ (await response.json());
      this.#shownAt = result.at;
      this.#tell(result);
    } catch (error) {
      if (error instanceof Refused)
        this.#tell({ at: Date.now(), outcome: 'refused', reasons: [error.message] });
      else if (error instanceof Unreachable && error.isLate)
        this.#tell({ at: Date.now(), outcome: 'late', reasons: [] });
      else this.#onFailure(error);
    } finally {
      this.#button.disabled = false;
      this.#button.textContent = 'Reload';
      this.#button.focus({ preventScroll: true });
    }
  }

  /** @param {Omit<ReloadResult, 'outcome'> & { outcome: keyof typeof words }} result */
  #tell({ at, outcome, reasons }) {
    const { kind, title, text } = words[outcome];
    const close = make('button', { type: 'button' }, 'Dismiss');
    close.addEventListener('click', () => {
      this.#hide();
      this.#button.focus();
    });
    setAttribute(this.#panel, 'data-kind', kind);
    this.#panel.replaceChildren(
      // Said by screen readers as it appears.
      make('p', { role: 'status' }, make('b', {}, title), ` at ${clock(at)}. ${text}`),
      ...reasons.map(reasonText),
      close,
    );
    this.#panel.hidden = false;
  }

  #hide() {
    this.#panel.hidden = true;
  }
}

/** @param {string} reason */
function reasonText(reason) {
  const lines = reason.split('\n').map(foreign);
  return make('pre', { 'data-lines': String(lines.length) }, lines.join('\n'));
}
