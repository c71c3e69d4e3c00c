// For who runs the service: users, the model, dead letters, usage.

import { h } from '../lib/dom.js';
import { address } from '../lib/router.js';
import { session } from '../lib/session.js';
import { empty, head } from '../parts/basics.js';
import { deadView } from './admin/dead.js';
import { modelView } from './admin/model.js';
import { usageView } from './admin/usage.js';
import { usersView } from './admin/users.js';

const VIEWS = {
  users: ['Users', usersView],
  model: ['Model', modelView],
  dead: ['Dead letters', deadView],
  usage: ['Usage', usageView],
};

export default async function adminPage({ rest: [name = 'users'], signal }) {
  const title = head('Admin', 'Who may use the service, what it serves, and what went wrong.');
  if (!session.isAdmin)
    return [title, empty('This is for administrators', 'Ask one to give you the role.')];
  const [, view] = VIEWS[name] ?? VIEWS.users;
  return [
    title,
    h(
      'nav',
      { class: 'tabs', 'aria-label': 'Admin' },
      Object.entries(VIEWS).map(([key, [text]]) =>
        h('a', { href: address('admin', key), 'aria-current': key === name ? 'page' : null }, text),
      ),
    ),
    await view(signal),
  ];
}
