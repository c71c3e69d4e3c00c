// A table that may be longer than the page, and may be wider than the screen.

import { h, show } from '../lib/dom.js';
import { button, failure, skeleton } from './basics.js';

/** Columns are [title, cell(row), class]; a title of '' is read to nobody. */
export function table(caption, columns, rows) {
  const titles = columns.map(([title, , look]) =>
    h('th', { scope: 'col', class: look }, title || h('span', { class: 'unseen' }, 'Actions')),
  );
  const lines = rows.map((row) =>
    columns.map(([, cell, look]) => h('td', { class: look }, cell(row))),
  );
  return h(
    'div',
    { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': caption },
    h(
      'table',
      {},
      h('thead', {}, h('tr', {}, titles)),
      h(
        'tbody',
        {},
        lines.map((cells) => h('tr', {}, cells)),
      ),
    ),
  );
}

/** A list of the API, a page at a time: read(after) answers {data, last_id, has_more}. */
export function listing({ caption, columns, read, nothing }) {
  const waiting = () => h('div', { class: 'inset' }, skeleton());
  const place = h('div', {}, waiting());
  let rows = [];
  let pages = 0;
  let reading = null; // the call of next() that counts

  const draw = (page) => {
    const more = page.has_more && button('Show more', () => next(page.last_id), 'little');
    show(
      place,
      rows.length ? table(caption, columns, rows) : nothing(),
      more && h('div', { class: 'empty' }, more),
    );
  };

  const next = async (after, quiet = false) => {
    const mine = {};
    reading = mine;
    try {
      const page = await read(after);
      if (mine !== reading) return; // something newer was asked for meanwhile
      rows = after ? [...rows, ...page.data] : page.data;
      pages = after ? pages + 1 : 1;
      draw(page);
    } catch (error) {
      if (error.name === 'AbortError' || mine !== reading || (quiet && pages)) return;
      show(
        place,
        failure(error, () => next(null)),
      );
    } finally {
      if (mine === reading) reading = null;
    }
  };

  return {
    element: place,
    /** From the start. */
    reload: () => next(null),
    /** Another list: nothing of the one before may be pressed any more. */
    restart: () => {
      show(place, waiting());
      return next(null);
    },
    /** From the start, unless somebody has gone further, or is using what is there. */
    refresh: async () => {
      if (!reading && pages <= 1 && !place.contains(document.activeElement)) await next(null, true);
    },
  };
}
