// The frame around every page: sign-in, navigation, the state of the link.

import { h, show } from './lib/dom.js';
import { gate, get } from './lib/http.js';
import { link } from './lib/link.js';
import { route } from './lib/router.js';
import { session } from './lib/session.js';
import { signInForm, signInPage } from './pages/signin.js';
import { button, failure, skeleton } from './parts/basics.js';
import { dialog } from './parts/dialog.js';
import { side } from './parts/side.js';
import { toasts } from './parts/toast.js';

const PAGES = ['explain', 'generate', 'jobs', 'queues', 'webhooks', 'admin', 'account'];

const main = h('main', { id: 'main', tabindex: '-1' });
const frame = side(PAGES);
const banner = h('div', { class: 'banner', role: 'alert', hidden: true });
const place = h('div', {});
const hint = h(
  'div',
  { class: 'banner still', hidden: true },
  'You are signed in with the password of a fresh installation. ',
  h('a', { href: '#/account' }, 'Change it'),
  ' before anybody else can reach this machine.',
);

let arrived = false;

async function render({ name, rest, query, signal }) {
  if (!session.current) return; // it is drawn once somebody has signed in
  const page = PAGES.includes(name) ? name : PAGES[0];
  frame.mark(page);
  show(main, skeleton());
  try {
    const { default: build } = await import(`./pages/${page}.js`);
    const content = await build({ rest, query, signal });
    if (signal.aborted) return;
    show(main, content);
  } catch (error) {
    if (signal.aborted) return;
    show(
      main,
      failure(error, () => render({ name, rest, query, signal })),
    );
  }
  const title = main.querySelector('h1');
  document.title = title ? `${title.textContent} · Caravan` : 'Caravan';
  if (arrived) title?.focus(); // so that it is read; not where the browser has just come
  arrived = true;
}

function start() {
  show(
    place,
    h('a', { class: 'skip', href: '#main', onclick: skip }, 'Skip to the page'),
    h('div', { class: 'shell' }, frame.element, h('div', {}, banner, hint, main)),
  );
  who();
  if (start.go) start.go();
  else start.go = route(render);
}

/** Whoever is signed in now. */
function who() {
  frame.refresh();
  hint.hidden = !session.current.fresh;
}

function skip(event) {
  event.preventDefault();
  main.focus();
}

/** Signed out on purpose: nothing of the last user stays on the page. */
function leave() {
  arrived = true;
  show(main);
  show(place, signInPage());
  document.title = 'Sign in · Caravan';
  place.querySelector('input').focus();
}

let signingIn = null;

/** The session is over while a page is in use: ask over it, so that it stays as it is. */
gate.signIn = () => {
  signingIn ??= new Promise((resolve, reject) => {
    const before = session.current?.username ?? '';
    const asked = dialog('Your session has ended', [
      h('p', { class: 'soft' }, 'Sign in to go on. What you have written is still there.'),
      signInForm(before),
      button('Leave', () => session.end(), 'plain'),
    ]);
    asked.addEventListener('cancel', (event) => event.preventDefault());
    session.addEventListener(
      'change',
      () => {
        asked.close();
        if (!session.current) reject(new DOMException('Signed out', 'AbortError'));
        else if (session.current.username === before) resolve();
        else start.go();
      },
      { once: true },
    );
  }).finally(() => {
    signingIn = null;
  });
  return signingIn;
};

link.addEventListener('change', () => {
  banner.hidden = !link.down;
  show(
    banner,
    link.down ? 'The gateway does not answer. Trying again; your jobs go on meanwhile.' : '',
  );
});
session.addEventListener('change', () => {
  if (!session.current) leave();
  else if (place.contains(main)) who();
  else start();
});

document.body.append(place, toasts());
get('/console/links.json', { anonymous: true }).then(frame.link, () => {});
if (session.current) start();
else leave();
