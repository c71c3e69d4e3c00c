// Questions and answers that come before everything else.

import { h, uid } from '../lib/dom.js';
import { button, copyButton, note } from './basics.js';

/** A modal dialog; `close` ends it. It goes when it is closed. */
export function dialog(title, content) {
  const id = uid('dialog');
  const element = h(
    'dialog',
    { 'aria-labelledby': id },
    h('div', { class: 'stack' }, h('h2', { id }, title), content),
  );
  element.addEventListener('close', () => element.remove());
  document.body.append(element);
  element.showModal();
  return element;
}

/** Ask before what cannot be undone; true if it is to be done. */
export function sure(title, text, verb) {
  return new Promise((resolve) => {
    const asked = dialog(title, [
      h('p', {}, text),
      h(
        'div',
        { class: 'row end' },
        button('Keep', () => asked.close()),
        button(verb, () => asked.close('yes'), 'danger'),
      ),
    ]);
    asked.addEventListener('close', () => resolve(asked.returnValue === 'yes'));
  });
}

/** Show a secret that nobody will see again. */
export function reveal(title, text, secret) {
  const shown = dialog(title, [
    h('p', {}, text),
    h(
      'div',
      { class: 'secret' },
      h('code', {}, secret),
      copyButton(() => secret),
    ),
    note('warn', 'It is shown this once.'),
    h(
      'div',
      { class: 'row end' },
      button('Done', () => shown.close(), 'main'),
    ),
  ]);
}
