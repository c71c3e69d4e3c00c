// Who is signed in. Tokens are kept for all tabs; one tab at a time renews them, because a
// refresh token is good once.

import { link } from './link.js';

const STORE = 'caravan.session';
const EARLY_MS = 20_000;

class Session extends EventTarget {
  constructor() {
    super();
    // What another tab did counts here, too.
    addEventListener('storage', ({ key }) => {
      if (key === STORE) this.dispatchEvent(new Event('change'));
    });
  }

  /** {username, role, access, refresh, until, fresh}, or null. */
  get current() {
    return JSON.parse(localStorage.getItem(STORE) ?? 'null');
  }

  get isAdmin() {
    return this.current?.role === 'admin';
  }

  /** Keep what /auth/login, /auth/refresh or /auth/password answered. */
  keep(grant, more = {}) {
    const claims = read(grant.access_token);
    const stored = {
      ...this.current,
      username: claims.sub,
      role: claims.role,
      access: grant.access_token,
      refresh: grant.refresh_token,
      until: Date.now() + grant.expires_in * 1000,
      ...more,
    };
    localStorage.setItem(STORE, JSON.stringify(stored));
    this.dispatchEvent(new Event('change'));
  }

  /** An access token that is good for a while, renewed if need be; null if there is none. */
  async token() {
    const { access, until } = this.current ?? {};
    if (access && until - Date.now() > EARLY_MS) return access;
    return access ? this.renew(access) : null;
  }

  /** A token other than the refused one; null if the session is over. */
  renew(refused) {
    const locks = navigator.locks ?? { request: (_name, task) => task() };
    return locks.request('caravan.renew', () => this.#renew(refused));
  }

  /** Forget the tokens; whoever waits is asked to sign in. */
  end() {
    localStorage.removeItem(STORE);
    this.dispatchEvent(new Event('change'));
  }

  async #renew(refused) {
    const { access, refresh } = this.current ?? {};
    if (!refresh) return null;
    if (access !== refused) return access;
    const answer = await post('/auth/refresh', { refresh_token: refresh });
    if (answer.ok) {
      this.keep(await answer.json());
      return this.current.access;
    }
    if (answer.status === 401) return null;
    throw new Error(`The session could not be renewed: ${answer.status}.`);
  }
}

export const session = new Session();

async function post(path, body) {
  try {
    return await fetch(path, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
    });
  } catch (error) {
    link.lost();
    throw error;
  }
}

function read(token) {
  const payload = token.split('.')[1].replaceAll('-', '+').replaceAll('_', '/');
  return JSON.parse(atob(payload));
}
