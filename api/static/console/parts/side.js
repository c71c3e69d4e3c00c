// The side of the frame: where to go, who is signed in, how it looks.

import { h, show } from '../lib/dom.js';
import { label } from '../lib/format.js';
import { call } from '../lib/http.js';
import { session } from '../lib/session.js';
import { button } from './basics.js';
import { icon } from './icons.js';

const ELSEWHERE = { docs: 'API', metrics: 'Metrics', flower: 'Flower' };

export function side(pages) {
  const items = Object.fromEntries(
    pages.map((page) => [
      page,
      h('a', { href: `#/${page}`, onclick: () => open(false) }, icon(page), label(page)),
    ]),
  );
  const menu = h(
    'button',
    {
      type: 'button',
      class: 'button little menu',
      'aria-expanded': 'false',
      onclick: () => open(menu.getAttribute('aria-expanded') === 'false'),
    },
    'Menu',
  );
  const elsewhere = h('div', { class: 'side-links' });
  const name = h('span', { class: 'who-name' });
  const element = h(
    'header',
    { class: 'side' },
    h(
      'div',
      { class: 'side-top' },
      h(
        'a',
        { class: 'brand', href: '#/explain' },
        h('img', { src: '/console/mark.svg', alt: '' }),
        'Caravan',
      ),
      menu,
    ),
    h(
      'div',
      { class: 'way' },
      h('nav', { class: 'nav', 'aria-label': 'Pages' }, Object.values(items)),
      h(
        'div',
        { class: 'side-foot' },
        elsewhere,
        theme(),
        h('div', { class: 'who' }, name, button('Sign out', signOut, 'little')),
      ),
    ),
  );

  function open(wide) {
    element.classList.toggle('open', wide);
    menu.setAttribute('aria-expanded', wide);
  }

  return {
    element,
    /** Which page is shown. */
    mark: (page) =>
      pages.forEach((one) => {
        if (one === page) items[one].setAttribute('aria-current', 'page');
        else items[one].removeAttribute('aria-current');
      }),
    /** Who is signed in, and what they may see. */
    refresh: () => {
      show(name, session.current?.username ?? '');
      items.admin.hidden = !session.isAdmin;
    },
    /** Links to what else is there. */
    link: (links) =>
      show(
        elsewhere,
        Object.entries(ELSEWHERE)
          .filter(([key]) => links[key])
          .map(([key, text]) =>
            h('a', { href: links[key], target: '_blank', rel: 'noopener' }, text),
          ),
        h('span', { class: 'soft' }, links.version),
      ),
  };
}

/** System, light or dark; remembered by theme.js. */
function theme() {
  const chosen = localStorage.getItem('caravan.theme') ?? '';
  const choose = ({ target: { value } }) => {
    if (value) localStorage.setItem('caravan.theme', value);
    else localStorage.removeItem('caravan.theme');
    document.documentElement.dataset.theme = value;
  };
  return h(
    'select',
    { 'aria-label': 'Theme', onchange: choose },
    [
      ['', 'System theme'],
      ['light', 'Light'],
      ['dark', 'Dark'],
    ].map(([value, text]) => h('option', { value, selected: value === chosen }, text)),
  );
}

async function signOut() {
  await call('POST', '/auth/logout', { body: {} }).catch(() => {});
  session.end();
}
