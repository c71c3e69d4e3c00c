// Users: create, change, disable, delete.

import { h } from '../../lib/dom.js';
import { ago, moment, money } from '../../lib/format.js';
import { call, get, withQuery } from '../../lib/http.js';
import { fieldsOf } from '../../lib/openapi.js';
import { session } from '../../lib/session.js';
import { button, empty, state, tag } from '../../parts/basics.js';
import { dialog, reveal, sure } from '../../parts/dialog.js';
import { field } from '../../parts/field.js';
import { form } from '../../parts/form.js';
import { listing } from '../../parts/table.js';
import { doing, toast } from '../../parts/toast.js';

const LIMITS = [
  'rate_limit_per_minute',
  'tokens_per_minute',
  'max_jobs',
  'monthly_budget_usd',
  'prompt_guard',
];

export async function usersView(signal) {
  const specs = await fieldsOf('UserRequest');
  const path = ({ username }) => `/admin/users/${encodeURIComponent(username)}`;
  const itself = ({ username }) => username === session.current?.username;
  const turn = (user) => {
    const one = button(
      user.disabled ? 'Enable' : 'Disable',
      () =>
        doing(one, async () => {
          await call('PATCH', path(user), { body: { disabled: !user.disabled } });
          await list.reload();
        }),
      'little',
    );
    one.disabled = itself(user);
    return one;
  };
  const remove = (user) => {
    const one = button(
      'Delete',
      async () => {
        if (
          !(await sure(
            `Delete ${user.username}?`,
            'Keys and sessions end, unfinished jobs are cancelled.',
            'Delete',
          ))
        )
          return;
        await doing(one, () => call('DELETE', path(user)), 'Deleted');
        list.reload();
      },
      'little danger',
    );
    one.disabled = itself(user);
    return one;
  };
  const change = (user) =>
    button(
      'Change',
      () =>
        userDialog(specs, user, async (body) => {
          await call('PATCH', path(user), { body });
          toast('Changed');
          list.reload();
        }),
      'little',
    );
  const create = async (body) => {
    const made = await call('POST', '/admin/users', { body });
    if (made.password)
      reveal(
        `The password of ${made.username}`,
        'It was made because you gave none.',
        made.password,
      );
    list.reload();
  };
  const list = listing({
    caption: 'Users',
    columns: [
      [
        'User',
        (user) => h('div', {}, h('strong', {}, user.username), ' ', itself(user) && tag('you')),
      ],
      ['Role', (user) => user.role],
      ['State', (user) => state(user.disabled ? 'disabled' : 'enabled'), 'optional'],
      ['Limits', limits, 'optional'],
      [
        'Since',
        (user) => h('time', { title: moment(user.created_at) }, ago(user.created_at)),
        'optional',
      ],
      ['', (user) => h('div', { class: 'row' }, change(user), turn(user), remove(user)), 'tools'],
    ],
    read: (after) => get(withQuery('/admin/users', { after, limit: 50 }), { signal }),
    nothing: () => empty('No users', 'The first one comes from ADMIN_USERNAME.'),
  });
  list.reload();
  return h(
    'section',
    { class: 'card flush', 'aria-label': 'Users' },
    h(
      'div',
      { class: 'card-head' },
      h('h2', {}, 'Users'),
      button('Add a user', () => userDialog(specs, null, create), 'little main'),
    ),
    list.element,
  );
}

function limits(user) {
  const parts = [
    user.rate_limit_per_minute !== null && `${user.rate_limit_per_minute} submits/min`,
    user.tokens_per_minute !== null && `${user.tokens_per_minute} tokens/min`,
    user.max_jobs !== null && `${user.max_jobs} jobs`,
    user.monthly_budget_usd !== null && `${money(user.monthly_budget_usd)} a month`,
    user.prompt_guard && `guard ${user.prompt_guard}`,
  ].filter(Boolean);
  return parts.join(', ') || h('span', { class: 'soft' }, 'as everybody');
}

/** Create a user, or change one: what is left empty is the common limit. */
function userDialog(specs, user, submit) {
  const name = field('username', specs.username, { required: !user });
  const password = field('password', specs.password, {
    look: 'secret',
    autocomplete: 'new-password',
    hint: user ? 'A new one ends all sessions' : 'Left out, one is made and shown once',
  });
  const role = field('role', specs.role, { hint: '' });
  const rest = LIMITS.map((limit) => field(limit, specs[limit], { placeholder: 'as everybody' }));
  [role, ...rest].forEach((one) => user && one.write(user[one.name]));
  const { element } = form({
    fields: [...(user ? [] : [name]), password, role, ...rest],
    layout: [
      !user && name.element,
      password.element,
      role.element,
      h(
        'div',
        { class: 'pair' },
        rest.map((one) => one.element),
      ),
    ],
    submit: h('button', { class: 'button main' }, user ? 'Change' : 'Create'),
    onSubmit: async (body) => {
      await submit(user ? changed(user, body) : body);
      asked.close();
    },
  });
  const asked = dialog(user ? `Change ${user.username}` : 'A new user', element);
  element.append(
    h(
      'div',
      { class: 'row end' },
      button('Cancel', () => asked.close()),
      element.querySelector('.main'),
    ),
  );
}

/** Only what differs; an emptied limit is null, which takes it away. */
function changed(user, body) {
  const wanted = {
    role: 'user',
    ...Object.fromEntries(LIMITS.map((name) => [name, null])),
    ...body,
  };
  return Object.fromEntries(Object.entries(wanted).filter(([name, value]) => value !== user[name]));
}
