// Calls of the API: with the token, renewed in silence; refusals become errors that can be shown.

import { link } from './link.js';
import { session } from './session.js';

/** What the gateway refused, as application/problem+json tells it. */
export class Problem extends Error {
  constructor(status, body, retryAfter = null) {
    super(body.detail || body.title || `The gateway answered ${status}.`);
    this.status = status;
    this.code = body.error?.code ?? String(status);
    this.fields = body.errors ?? [];
    this.requestId = body.request_id ?? null;
    this.retryAfter = retryAfter;
  }
}

/** No answer at all. */
export class Offline extends Error {
  constructor() {
    super('The gateway does not answer.');
  }
}

/** Set by main: shows the sign-in dialog and settles when somebody has signed in. */
export const gate = { signIn: async () => {} };

/** The answer as a Response, whatever its status; raises Offline. */
export async function send(method, path, { body, headers = {}, signal, anonymous = false } = {}) {
  for (;;) {
    const token = anonymous ? null : await authorised();
    const answer = await exchange(path, {
      method,
      signal,
      headers: {
        ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
        ...(token ? { Authorization: `Bearer ${token}` } : {}),
        ...headers,
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    if (answer.status !== 401 || anonymous || (await aboutAPassword(answer))) return answer;
    if ((await renewing(() => session.renew(token))) === null) await gate.signIn();
  }
}

/** What a call answers, as JSON; raises Problem and Offline. */
export async function call(method, path, options = {}) {
  const answer = await send(method, path, options);
  if (!answer.ok) throw await problemOf(answer);
  return answer.status === 204 ? null : answer.json();
}

export const get = (path, options) => call('GET', path, options);

/** A path with the parameters that have a value. */
export function withQuery(path, parameters) {
  const given = Object.entries(parameters).filter(([, value]) => value);
  return given.length ? `${path}?${new URLSearchParams(given)}` : path;
}

export async function problemOf(answer) {
  const body = await answer.json().catch(() => ({}));
  return new Problem(answer.status, body, answer.headers.get('Retry-After'));
}

/** Whether it is a password in the body that was refused, and not the token. */
const aboutAPassword = async (answer) =>
  (await problemOf(answer.clone())).code === 'invalid-credentials';

async function exchange(path, request) {
  try {
    return await fetch(path, request);
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    link.lost();
    throw new Offline();
  }
}

async function authorised() {
  for (;;) {
    const token = await renewing(() => session.token());
    if (token !== null) return token;
    await gate.signIn();
  }
}

async function renewing(task) {
  try {
    return await task();
  } catch (error) {
    if (error instanceof TypeError) throw new Offline();
    throw error;
  }
}
