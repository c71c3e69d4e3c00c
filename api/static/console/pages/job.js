// One job: its text, its timeline, and who was told of it.

import { h, show } from '../lib/dom.js';
import { between, count, duration, label, moment, money, time, words } from '../lib/format.js';
import { call, get } from '../lib/http.js';
import { button, card, facts, fillWith, head } from '../parts/basics.js';
import { deliveryList } from '../parts/deliveries.js';
import { sure } from '../parts/dialog.js';
import { ended, runView } from '../parts/run.js';
import { doing } from '../parts/toast.js';

export async function jobPage(id, signal) {
  const path = `/jobs/${encodeURIComponent(id)}`;
  const job = await get(path, { signal });
  const history = h('div', {});
  const about = h('div', {}, factsOf(job));
  const erase = button(
    'Erase',
    async () => {
      if (
        !(await sure(
          'Erase this job?',
          'Its prompt, its text and its tokens are forgotten. This cannot be undone.',
          'Erase',
        ))
      )
        return;
      if (await doing(erase, () => call('DELETE', `${path}?erase=true`), 'Erased'))
        location.hash = '#/jobs';
    },
    'danger',
  );
  erase.hidden = !ended(job);

  const tell = () =>
    fillWith(history, async () => moments((await get(`${path}/timeline`, { signal })).data));
  tell();
  const onEnd = (done) => {
    erase.hidden = false;
    show(about, factsOf(done));
    tell();
  };

  return [
    h(
      'div',
      {},
      h('a', { class: 'crumb', href: '#/jobs' }, '‹ Jobs'),
      head(label(job.kind), h('span', { class: 'mono' }, job.id), erase),
    ),
    h(
      'div',
      { class: 'split even' },
      h('div', { class: 'stack' }, runView(job, { signal, linked: false, onEnd })),
      h('div', { class: 'stack' }, card('Timeline', history), card('About', about)),
    ),
    h(
      'section',
      { class: 'card flush', 'aria-label': 'Webhooks' },
      h('div', { class: 'card-head' }, h('h2', {}, 'Webhooks')),
      deliveryList({ job: id }, signal),
    ),
  ];
}

const factsOf = (job) =>
  facts({
    Priority: job.priority,
    Attempts: count(job.attempts),
    'Prompt tokens': count(job.usage.prompt_tokens),
    'Cached tokens': count(job.usage.cached_tokens),
    'Completion tokens': count(job.usage.completion_tokens),
    Cost: money(job.usage.cost_usd),
    Submitted: moment(job.created_at),
    Ended: moment(job.completed_at),
    Expires: moment(job.expires_at),
    ...job.metadata,
  });

const WHAT = {
  queued: () => 'Queued',
  started: ({ attempt }) =>
    attempt > 1 ? `Attempt ${attempt} started, where the last one stopped` : 'Started',
  first_token: () => 'First token',
  requeued: ({ reason }) => `Back in its queue: ${REASONS[reason] ?? words(reason ?? '')}`,
};
const REASONS = {
  worker_lost: 'its worker was lost',
  engine_error: 'the engine failed',
  released: 'its worker gave it back',
};

const moments = (list) =>
  h(
    'ol',
    { class: 'timeline' },
    list.map((one, at) =>
      h(
        'li',
        { class: one.event },
        h('time', { class: 'at', datetime: one.at }, time(one.at)),
        h('span', { class: 'pin', 'aria-hidden': 'true' }),
        h(
          'div',
          {},
          h('span', { class: 'what' }, WHAT[one.event]?.(one) ?? label(one.event)),
          ' ',
          at > 0 &&
            h('span', { class: 'after' }, `after ${duration(between(list[at - 1].at, one.at))}`),
          one.worker && h('div', { class: 'small soft mono' }, one.worker),
        ),
      ),
    ),
  );
