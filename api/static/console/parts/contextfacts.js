// What is known about a stock or a portfolio: names and values, with suggestions for the names.

import { h, show, uid } from '../lib/dom.js';
import { button } from './basics.js';

/** Rows of facts: {element, read(), write(facts), suggest(specs)}. */
export function contextFacts() {
  const list = h('datalist', { id: uid('facts') });
  const rows = h('div', { class: 'facts-editor' });

  const add = (name = '', value = '') => {
    const row = h(
      'div',
      { class: 'fact' },
      h('input', { 'aria-label': 'Fact', placeholder: 'Fact', list: list.id, value: name }),
      h('input', {
        'aria-label': `Value of ${name || 'the fact'}`,
        placeholder: 'Value',
        value: typeof value === 'string' ? value : JSON.stringify(value),
      }),
      button(
        '×',
        () => {
          row.remove();
          changed();
        },
        'plain',
      ),
    );
    row.lastChild.setAttribute('aria-label', `Remove ${name || 'the fact'}`);
    rows.append(row);
    return row;
  };
  const changed = () => rows.dispatchEvent(new Event('input', { bubbles: true }));

  return {
    element: h(
      'div',
      { class: 'stack tight' },
      list,
      rows,
      h(
        'div',
        {},
        button('Add a fact', () => add().firstChild.focus(), 'little'),
      ),
    ),
    read: () =>
      Object.fromEntries(
        [...rows.children]
          .map(({ children: [name, value] }) => [name.value.trim(), meant(value.value.trim())])
          .filter(([name, value]) => name && value !== ''),
      ),
    write: (facts) => {
      show(rows);
      Object.entries(facts).forEach(([name, value]) => add(name, value));
      changed();
    },
    /** Names that the gateway knows for this kind of analysis. */
    suggest: (specs) =>
      show(
        list,
        Object.entries(specs).map(([name, spec]) =>
          h('option', { value: name }, spec.description ?? ''),
        ),
      ),
  };
}

/** 0.75 is a number, {"delta": 0.4} an object, and what is no JSON is text. */
function meant(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
