// @ts-check
/** Requests to the admin endpoint that this page came from, with the token of this tab. */

const storageKey = 'hathi.token';
const timeoutMs = 8000;

/** The endpoint wants a token, or another one. */
export class SignInNeeded extends Error {}

/** The endpoint answered, and said no. */
export class Refused extends Error {}

/** No answer: the master is gone, or what is between it and here. */
export class Unreachable extends Error {
  /** It was asked, and has not answered in time. */
  isLate = false;
}

export class Client {
  /** @type {string | null} */
  #token = sessionStorage.getItem(storageKey);

  /** Whether requests carry a token. */
  get hasToken() {
    return this.#token !== null;
  }

  /** Takes the token out of the address of the page, where `hathi serve` puts it: it must not stay there to be copied. */
  takeFromAddress() {
    const parts = new URLSearchParams(location.hash.slice(1));
    const token = parts.get('token');
    if (token === null) return false;
    parts.delete('token');
    const rest = parts.toString();
    history.replaceState(null, '', rest === '' ? location.pathname : `#${rest}`);
    this.signIn(token);
    return true;
  }

  /** @param {string} token */
  signIn(token) {
    this.#token = token;
    sessionStorage.setItem(storageKey, token);
  }

  signOut() {
    this.#token = null;
    sessionStorage.removeItem(storageKey);
  }

  /**
   * @param {string} path with its query
   * @param {RequestInit & { wait?: number }} [options] `wait` is the longest time for an answer, milliseconds
   * @returns {Promise<Response>} an answer of the class 2xx
   */
  async ask(path, options = {}) {
    const { wait = timeoutMs, ...init } = options;
    // A token of other characters could not be sent, and the endpoint has none such.
    const token = this.#token !== null && /^[!-~]+$/.test(this.#token) ? this.#token : null;
    const headers = token === null ? {} : { authorization: `Bearer ${token}` };
    const response = await fetch(path, { ...init, headers, signal: AbortSignal.timeout(wait) }).catch(
      (error) => {
        const unreachable = new Unreachable(error instanceof Error ? error.message : String(error));
        unreachable.isLate = error instanceof DOMException && error.name === 'TimeoutError';
        throw unreachable;
      },
    );
    if (response.ok) return response;
    if (response.status === 401) throw new SignInNeeded();
    throw new Refused(await errorOf(response));
  }

  /** @param {string} path */
  async get(path) {
    return body(await this.ask(path));
  }
}

/** @param {Response} response @returns {Promise<any>} */
async function body(response) {
  try {
    return await response.json();
  } catch (error) {
    // Cut off in the middle, or something between here and the master that answers in its place.
    throw new Unreachable(`the answer cannot be read: ${error instanceof Error ? error.message : error}`);
  }
}

/** @param {Response} response */
async function errorOf(response) {
  const text = await response.text().catch(() => '');
  try {
    const { error } = JSON.parse(text);
    if (typeof error === 'string') return error;
  } catch {}
  return `status ${response.status}`;
}
