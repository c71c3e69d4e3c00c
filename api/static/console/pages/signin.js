// Signing in: a page of its own, or a dialog over a page whose forms stay as they are.

import { h } from '../lib/dom.js';
import { call } from '../lib/http.js';
import { session } from '../lib/session.js';
import { field } from '../parts/field.js';
import { form } from '../parts/form.js';

/** The password of a fresh installation, which works on loopback addresses only. */
const FIRST_PASSWORD = 'admin123';

const ON_LOOPBACK = ['localhost', '127.0.0.1', '[::1]'].includes(location.hostname);

/** The form; the session changes once somebody is signed in. */
export function signInForm(username = '') {
  const name = field('username', {}, { required: true, autocomplete: 'username' });
  const password = field(
    'password',
    {},
    { look: 'secret', required: true, autocomplete: 'current-password' },
  );
  name.write(username);
  const { element } = form({
    fields: [name, password],
    layout: [name.element, password.element],
    submit: h('button', { class: 'button main wide' }, 'Sign in'),
    onSubmit: async (body) => {
      const grant = await call('POST', '/auth/login', { body, anonymous: true }).catch(explained);
      session.keep(grant, { fresh: body.password === FIRST_PASSWORD });
    },
  });
  return element;
}

/** The page of its own. */
export function signInPage() {
  return h(
    'main',
    { class: 'entry', id: 'main' },
    h(
      'div',
      { class: 'entry-card' },
      h(
        'div',
        { class: 'entry-brand' },
        h('img', { src: '/console/mark.svg', alt: '' }),
        h(
          'div',
          {},
          h('h1', { tabindex: '-1' }, 'Caravan'),
          h('p', { class: 'soft' }, 'A queue for quantized Llamas'),
        ),
      ),
      h('section', { class: 'card', 'aria-label': 'Sign in' }, signInForm()),
      ON_LOOPBACK &&
        h(
          'p',
          { class: 'hint' },
          'A fresh installation on this machine: ',
          h('code', {}, 'admin'),
          ' and ',
          h('code', {}, FIRST_PASSWORD),
          '.',
        ),
    ),
  );
}

function explained(error) {
  if (error.status === 401) error.message = 'This name and password do not belong together.';
  if (error.status === 429) {
    error.message = `Too many tries. Wait ${error.retryAfter ?? 'some'} seconds, then try again.`;
    error.fields = [];
  }
  throw error;
}
