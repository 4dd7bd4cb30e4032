// @ts-check
/** Records a profile of a pool on a click, and shows it as a flame graph. */

/** @import { Client } from './client.js' */
/** @import { Pool } from './types.d.ts' */

import { Refused, SignInNeeded } from './client.js';
import { find, keepChildren, make, setText } from './dom.js';
import { Flame } from './flame.js';
import { clock, foreign } from './format.js';

/** Time for the answer in addition to the profile. */
const graceMs = 15_000;

export class Profile {
  #client;
  #onFailure;
  #pool = find('profile-pool', HTMLSelectElement);
  #seconds = find('profile-seconds', HTMLSelectElement);
  #button = find('profile-start', HTMLButtonElement);
  #said = find('profile-said', HTMLElement);
  #result = find('profile-result', HTMLElement);
  #folded = '';
  #recorded = '';
  #flame = new Flame(
    find('flame', HTMLElement),
    find('flame-said', HTMLElement),
    find('flame-hot', HTMLTableElement),
  );

  /** @param {Client} client @param {(error: unknown) => void} onFailure */
  constructor(client, onFailure) {
    this.#client = client;
    this.#onFailure = onFailure;
    this.#button.addEventListener('click', () => this.#record());
    find('profile-save', HTMLButtonElement).addEventListener('click', () => this.#save());
  }

  /** @param {readonly Pool[]} pools */
  show(pools) {
    keepChildren(
      this.#pool,
      pools,
      ({ name }) => name,
      ({ name }) => make('option', { value: name }, foreign(name)),
      () => {},
    );
  }

  /** @param {string | undefined} name */
  select(name) {
    if (name !== undefined) this.#pool.value = name;
  }

  async #record() {
    const pool = this.#pool.value;
    const seconds = Number(this.#seconds.value);
    this.#button.disabled = true;
    setText(this.#said, `Recording ${seconds} s of pool ${foreign(pool)} …`);
    try {
      const query = new URLSearchParams({ pool, seconds: String(seconds), format: 'folded' });
      const response = await this.#client.ask(`api/profile?${query}`, { wait: seconds * 1000 + graceMs });
      this.#show(await response.text(), pool, seconds, response.headers);
    } catch (error) {
      if (error instanceof SignInNeeded) return this.#onFailure(error);
      const why = error instanceof Error ? error.message : String(error);
      setText(
        this.#said,
        error instanceof Refused ? `No profile: ${foreign(why)}` : `The profile was lost: ${why}`,
      );
    } finally {
      this.#button.disabled = false;
      this.#button.focus({ preventScroll: true });
    }
  }

  /** @param {string} folded @param {string} pool @param {number} seconds @param {Headers} headers */
  #show(folded, pool, seconds, headers) {
    const samples = Number(headers.get('x-samples'));
    const isEmpty = folded.trim() === '';
    this.#result.hidden = isEmpty;
    const about = `Pool ${foreign(pool)}, ${seconds} s until ${clock(Date.now())}`;
    if (isEmpty) {
      setText(this.#said, `${about}: no worker was busy.`);
      return;
    }
    const lost = [
      [Number(headers.get('x-dropped')), 'looks saw no stack'],
      [Number(headers.get('x-skipped')), 'left out to spare the master'],
    ].flatMap(([number, what]) => (Number(number) > 0 ? [`${number} ${what}`] : []));
    setText(this.#said, [`${about}: ${samples} samples`, ...lost].join(', '));
    this.#flame.show(folded, pool);
    this.#folded = folded;
    this.#recorded = pool;
  }

  #save() {
    const href = URL.createObjectURL(new Blob([this.#folded], { type: 'text/plain' }));
    make('a', { href, download: `${this.#recorded.replace(/[^\w.-]/g, '_')}.folded.txt` }).click();
    URL.revokeObjectURL(href);
  }
}
