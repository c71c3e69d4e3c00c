// A word about what was done, for a few seconds.

import { h } from '../lib/dom.js';

const SECONDS = { good: 4, bad: 8 };
const tray = h('div', { class: 'toasts', role: 'status', 'aria-live': 'polite' });

/** Where toasts appear; main puts it on the page. */
export const toasts = () => tray;

export function toast(text, kind = 'good') {
  const one = h('div', { class: `toast ${kind}` }, text);
  tray.append(one);
  setTimeout(() => one.remove(), SECONDS[kind] * 1000);
}

/** Do it while the button rests; a refusal becomes a toast. True if it was done. */
export async function doing(button, task, done = null) {
  button.disabled = true;
  try {
    await task();
    if (done) toast(done);
    return true;
  } catch (error) {
    if (error.name !== 'AbortError') toast(error.message, 'bad');
    return false;
  } finally {
    button.disabled = false;
  }
}
