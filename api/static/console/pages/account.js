// One's own: password, API keys, usage, sessions.

import { h } from '../lib/dom.js';
import { ago, count, moment, money } from '../lib/format.js';
import { call, get } from '../lib/http.js';
import { fieldsOf } from '../lib/openapi.js';
import { session } from '../lib/session.js';
import { button, card, empty, facts, fillWith, head } from '../parts/basics.js';
import { reveal, sure } from '../parts/dialog.js';
import { field } from '../parts/field.js';
import { form } from '../parts/form.js';
import { listing } from '../parts/table.js';
import { doing, toast } from '../parts/toast.js';

export default async function accountPage({ signal }) {
  const [password, key] = await Promise.all([
    fieldsOf('PasswordRequest'),
    fieldsOf('ApiKeyRequest'),
  ]);
  const everywhere = button('Sign out everywhere', async () => {
    if (
      !(await sure(
        'Sign out everywhere?',
        'All your sessions end at once; API keys stay.',
        'Sign out',
      ))
    )
      return;
    if (await doing(everywhere, () => call('POST', '/auth/logout', { body: { everywhere: true } })))
      session.end();
  });
  return [
    head('Account', `You are ${session.current?.username}, ${session.current?.role}.`, everywhere),
    h(
      'div',
      { class: 'split' },
      passwordCard(password),
      h('div', { class: 'stack' }, usageCard(signal), keysCard(key, signal)),
    ),
  ];
}

function passwordCard(specs) {
  const current = field('current_password', specs.current_password, {
    look: 'secret',
    required: true,
    autocomplete: 'current-password',
  });
  const next = field('new_password', specs.new_password, {
    look: 'secret',
    required: true,
    autocomplete: 'new-password',
    hint: '8 to 256 characters',
  });
  const { element } = form({
    fields: [current, next],
    layout: [current.element, next.element],
    submit: h('button', { class: 'button main' }, 'Change the password'),
    onSubmit: async (body) => {
      session.keep(await call('POST', '/auth/password', { body }).catch(wrong), { fresh: false });
      [current, next].forEach((one) => one.write(''));
      toast('Changed. Your other sessions have ended.');
    },
  });
  return card('Password', element);
}

function wrong(error) {
  if (error.code === 'invalid-credentials')
    error.fields = [{ field: 'current_password', message: 'This is not your password.' }];
  throw error;
}

function usageCard(signal) {
  const place = h('div', {});
  fillWith(place, async () => {
    const { totals, budget } = await get('/usage', { signal });
    return facts({
      Jobs: count(totals.jobs),
      'Prompt tokens': count(totals.prompt_tokens),
      'Completion tokens': count(totals.completion_tokens),
      Cost: money(totals.cost_usd),
      Budget: budget.monthly_budget_usd === null ? 'none' : money(budget.monthly_budget_usd),
      Left: budget.remaining_usd === null ? '–' : money(budget.remaining_usd),
    });
  });
  return card('This month', place);
}

function keysCard(specs, signal) {
  const name = field('name', specs.name, { required: true, hint: '' });
  const days = field('expires_in_days', specs.expires_in_days, { hint: '', placeholder: 'never' });
  const list = listing({
    caption: 'API keys',
    columns: [
      [
        'Name',
        (key) => h('div', {}, key.name, h('div', { class: 'soft small mono' }, `${key.prefix}…`)),
      ],
      ['Scopes', (key) => key.scopes.join(', '), 'optional'],
      ['Last use', (key) => (key.last_used_at ? ago(key.last_used_at) : 'never')],
      [
        'Expires',
        (key) =>
          h(
            'span',
            { title: moment(key.expires_at) },
            key.expires_at ? ago(key.expires_at) : 'never',
          ),
        'optional',
      ],
      ['', (key) => remove(key), 'tools'],
    ],
    read: () => get('/auth/keys', { signal }),
    nothing: () =>
      empty(
        'No API keys',
        'A key is a token that does not expire every quarter of an hour: for scripts.',
      ),
  });
  const remove = (key) => {
    const one = button(
      'Void',
      async () => {
        if (!(await sure(`Void ${key.name}?`, 'It is refused from the next request on.', 'Void')))
          return;
        await doing(one, () => call('DELETE', `/auth/keys/${key.id}`), 'Void');
        list.reload();
      },
      'little danger',
    );
    return one;
  };
  const { element } = form({
    fields: [name, days],
    layout: h('div', { class: 'pair' }, name.element, days.element),
    submit: h('button', { class: 'button' }, 'Make a key'),
    onSubmit: async (body) => {
      const made = await call('POST', '/auth/keys', { body });
      name.write('');
      reveal('Your new key', 'Send it as Authorization: Bearer.', made.key);
      list.reload();
    },
  });
  list.reload();
  return h(
    'section',
    { class: 'card flush', 'aria-label': 'API keys' },
    h('div', { class: 'card-head' }, h('h2', {}, 'API keys')),
    list.element,
    h('div', { class: 'inset' }, element),
  );
}
