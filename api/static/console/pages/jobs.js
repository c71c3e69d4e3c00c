// One's jobs: a list with filters, and one of them in detail.

import { h } from '../lib/dom.js';
import {
  ago,
  between,
  count,
  duration,
  label,
  moment,
  money,
  short,
  words,
} from '../lib/format.js';
import { get, withQuery } from '../lib/http.js';
import { poll } from '../lib/poll.js';
import { address } from '../lib/router.js';
import { empty, head, state } from '../parts/basics.js';
import { field } from '../parts/field.js';
import { listing } from '../parts/table.js';
import { jobPage } from './job.js';

const FILTERS = {
  status: ['queued', 'in_progress', 'completed', 'failed', 'cancelled', 'expired'],
  kind: ['explain', 'generate'],
  priority: ['urgent', 'high', 'normal', 'low'],
};

const COLUMNS = [
  [
    'Job',
    (job) => h('a', { href: address('jobs', job.id), class: 'mono', title: job.id }, short(job.id)),
  ],
  ['Status', (job) => state(job.status)],
  ['Kind', (job) => words(job.kind), 'optional'],
  ['Priority', (job) => job.priority, 'optional'],
  [
    'Submitted',
    (job) =>
      h('time', { datetime: job.created_at, title: moment(job.created_at) }, ago(job.created_at)),
  ],
  ['Waited', (job) => duration(between(job.created_at, job.started_at)), 'number optional'],
  ['Ran', (job) => duration(between(job.started_at, job.completed_at)), 'number'],
  ['Tokens', (job) => count(job.usage.completion_tokens), 'number optional'],
  ['Cost', (job) => money(job.usage.cost_usd), 'number optional'],
];

export default async function jobsPage({ rest: [id], query, signal }) {
  if (id) return jobPage(id, signal);
  const filters = Object.entries(FILTERS).map(([name, options]) => {
    const one = field(name, { options }, { hint: '' });
    one.control.options[0].textContent = 'any';
    one.write(query.get(name));
    return one;
  });
  const wanted = () => Object.fromEntries(filters.map((one) => [one.name, one.read()]));
  const list = listing({
    caption: 'Jobs',
    columns: COLUMNS,
    read: (after) => get(withQuery('/jobs', { ...wanted(), after, limit: 20 }), { signal }),
    nothing: () =>
      Object.values(wanted()).some(Boolean)
        ? empty('No job is like this', 'Other filters may show some.')
        : empty(
            'No jobs yet',
            'What you submit is listed here until its result expires.',
            h('a', { class: 'button main', href: '#/generate' }, 'Generate something'),
          ),
  });
  const choose = () => {
    history.replaceState(null, '', withQuery('#/jobs', wanted()));
    list.restart();
  };
  filters.forEach((one) => one.control.addEventListener('change', choose));
  poll(list.refresh, 5, signal);
  return [
    head(
      'Jobs',
      'Yours, newest first. They are kept in the store, not in a process: no restart loses them.',
    ),
    h(
      'div',
      { class: 'filters', role: 'group', 'aria-label': label('filters') },
      filters.map((one) => one.element),
    ),
    h('section', { class: 'card flush', 'aria-label': 'Jobs' }, list.element),
  ];
}
