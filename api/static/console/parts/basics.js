// The small pieces that every page is made of.

import { h, show } from '../lib/dom.js';
import { words } from '../lib/format.js';

export const state = (name, text = words(name)) => h('span', { class: `state ${name}` }, text);

export const tag = (text) => h('span', { class: 'tag' }, text);

export const button = (text, onclick, look = '') =>
  h('button', { type: 'button', class: `button ${look}`, onclick }, text);

/** The top of a page. */
export const head = (title, about, ...actions) =>
  h(
    'div',
    { class: 'head' },
    h('div', {}, h('h1', { tabindex: '-1' }, title), about && h('p', {}, about)),
    actions.length > 0 && h('div', { class: 'row' }, actions),
  );

export const card = (title, ...content) =>
  h('section', { class: 'card', 'aria-label': title }, h('h2', {}, title), content);

/** Names and values; a value may be an element. */
export const facts = (pairs) =>
  h(
    'dl',
    { class: 'facts' },
    Object.entries(pairs)
      .filter(([, value]) => value !== null)
      .map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, value))),
  );

export const tiles = (pairs) =>
  h(
    'dl',
    { class: 'tiles' },
    Object.entries(pairs).map(([name, value]) =>
      h('div', { class: 'tile' }, h('dt', {}, name), h('dd', {}, value)),
    ),
  );

/** What is said where there is nothing yet. */
export const empty = (title, text, action = null) =>
  h('div', { class: 'empty' }, h('strong', {}, title), h('span', {}, text), action);

export const note = (kind, ...content) =>
  h('div', { class: `note ${kind}`, role: kind === 'bad' ? 'alert' : null }, content);

/** Grey bars where something will be. */
export const skeleton = (lines = 5) =>
  h(
    'div',
    { class: 'stack', 'aria-hidden': 'true' },
    Array.from({ length: lines }, () => h('div', { class: 'bone' })),
  );

/** Fill a place with what is read; the grey bars before, and why not, if it cannot be read. */
export async function fillWith(place, read) {
  if (!place.hasChildNodes()) show(place, skeleton());
  try {
    show(place, await read());
  } catch (error) {
    if (error.name === 'AbortError') return;
    show(
      place,
      failure(error, () => {
        show(place);
        fillWith(place, read);
      }),
    );
  }
}

/** Why something could not be shown, and another try. */
export const failure = (error, again) =>
  h(
    'div',
    { class: 'empty', role: 'alert' },
    h('strong', {}, error.message),
    error.requestId && h('span', { class: 'small' }, `Request ${error.requestId}`),
    button('Try again', again),
  );

/** A button that copies what text() says. */
export function copyButton(text, what = 'Copy') {
  const copy = button(
    what,
    async () => {
      await navigator.clipboard.writeText(text());
      copy.textContent = 'Copied';
      setTimeout(() => {
        copy.textContent = what;
      }, 1500);
    },
    'little',
  );
  return copy;
}
