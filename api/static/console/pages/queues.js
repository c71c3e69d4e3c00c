// How the service is: queues, workers, and the last hour from its own store.

import { h, show, svg } from '../lib/dom.js';
import { count, decimal, duration } from '../lib/format.js';
import { get } from '../lib/http.js';
import { poll } from '../lib/poll.js';
import { card, empty, head, skeleton, state, tiles } from '../parts/basics.js';
import { plot } from '../parts/plot.js';
import { table } from '../parts/table.js';

export default async function queuesPage({ signal }) {
  const health = h('div', { role: 'status' });
  const summary = h('div', {}, skeleton(2));
  const depth = h('div', {}, skeleton(4));
  const workers = h('div', {}, skeleton(3));
  const plots = h('div', { class: 'plots' });

  poll(
    async () => {
      const status = await get('/status', { signal });
      show(health, state(status.status === 'healthy' ? 'ready' : 'failed', status.status));
      show(summary, tilesOf(status));
      show(depth, bars(status.queue));
      if (!workers.contains(document.activeElement)) show(workers, workerTable(status.workers));
    },
    2,
    signal,
  );
  poll(
    async () => {
      const { data } = await get('/status/history', { signal });
      show(plots, figures(data));
    },
    15,
    signal,
  );

  return [
    head(
      'Queues and workers',
      'What waits, what runs, and how the last hour went. The numbers live in the store and outlast every restart.',
      health,
    ),
    summary,
    h(
      'div',
      { class: 'split' },
      card('Waiting by priority', depth),
      h(
        'section',
        { class: 'card flush', 'aria-label': 'Workers' },
        h('div', { class: 'card-head' }, h('h2', {}, 'Workers')),
        workers,
      ),
    ),
    plots,
  ];
}

function tilesOf(status) {
  const [, five] = status.windows;
  const busy = status.workers.reduce((sum, worker) => sum + worker.busy, 0);
  const waiting = Object.values(status.queue).reduce((sum, jobs) => sum + jobs, 0);
  return tiles({
    Model: h(
      'span',
      { class: 'name' },
      status.model.model_name ?? '–',
      ' ',
      h('small', {}, status.model.quantization ?? ''),
    ),
    Waiting: count(waiting),
    'Slots busy': h('span', {}, String(busy), h('small', {}, ` of ${status.slots}`)),
    'Tokens/s, 5 min': decimal(five.tokens_per_second),
    'Jobs/min, 5 min': decimal(five.jobs_per_minute),
    'First token p95': duration(five.latency.time_to_first_token_ms.p95),
  });
}

function bars(queue) {
  const most = Math.max(10, ...Object.values(queue));
  return h(
    'div',
    { class: 'stack' },
    Object.entries(queue).map(([priority, jobs]) =>
      h(
        'div',
        { class: 'depth' },
        h('span', {}, priority),
        svg(
          'svg',
          {
            class: 'bar',
            viewBox: '0 0 100 10',
            preserveAspectRatio: 'none',
            'aria-hidden': 'true',
          },
          svg('rect', { class: 'track', width: 100, height: 10 }),
          svg('rect', { class: 'full', width: (jobs / most) * 100, height: 10 }),
        ),
        h('strong', { class: 'number' }, count(jobs)),
      ),
    ),
  );
}

function workerTable(workers) {
  if (!workers.length)
    return empty('No worker is there', 'Jobs wait until one comes: python -m worker inference');
  return table(
    'Workers',
    [
      [
        'Worker',
        (worker) =>
          h(
            'div',
            {},
            h('span', { class: 'mono' }, worker.id),
            h('div', { class: 'soft small' }, model(worker)),
          ),
      ],
      ['State', (worker) => h('span', { title: worker.error }, state(worker.state))],
      ['Breaker', (worker) => (worker.breaker ? state(worker.breaker) : '–'), 'optional'],
      [
        'Slots',
        (worker) => (worker.kind === 'webhooks' ? '–' : `${worker.busy}/${worker.slots}`),
        'number',
      ],
      [
        'Tokens/s',
        (worker) => (worker.kind === 'webhooks' ? '–' : decimal(worker.tokens_per_second)),
        'number',
      ],
    ],
    workers,
  );
}

const model = (worker) =>
  worker.model_name
    ? `${worker.model_name} · ${worker.quantization ?? 'full'} · ${worker.engine ?? ''}`
    : worker.kind;

function figures(minutes) {
  const points = (pick) =>
    minutes.map((minute) => ({ at: Date.parse(minute.at), value: pick(minute) }));
  const latency = (name) => ({
    p50: points((minute) => minute.latency[name].p50),
    p95: points((minute) => minute.latency[name].p95),
  });
  const ended = (...names) =>
    Object.fromEntries(names.map((name) => [name, points((minute) => minute.jobs[name])]));
  return [
    plot('Time to first token', latency('time_to_first_token_ms'), duration),
    plot('Total time', latency('total_ms'), duration),
    plot('Wait in the queue', latency('queue_wait_ms'), duration),
    plot('Tokens per second', { tokens: points((minute) => minute.tokens_per_second) }, (value) =>
      decimal(value, value < 10 ? 1 : 0),
    ),
    plot('Completed jobs, by minute', ended('completed'), count, [3]),
    plot(
      'Jobs that ended otherwise, by minute',
      ended('cancelled', 'expired', 'failed'),
      count,
      [6, 5, 4],
    ),
  ];
}
