// Webhook events on their way: each with its attempts, and another try.

import { h } from '../lib/dom.js';
import { ago, duration, moment, short, time } from '../lib/format.js';
import { call, get, withQuery } from '../lib/http.js';
import { poll } from '../lib/poll.js';
import { address } from '../lib/router.js';
import { button, empty, state } from './basics.js';
import { dialog } from './dialog.js';
import { listing } from './table.js';
import { doing } from './toast.js';

const ON_THEIR_WAY = ['pending', 'sending'];

/** Those that the filter {job, endpoint, status} lets through; alive until the signal aborts. */
export function deliveryList(filter, signal) {
  const replay = (delivery) => {
    const again = button(
      'Replay',
      () =>
        doing(
          again,
          async () => {
            await call('POST', `/webhooks/deliveries/${delivery.id}/replay`);
            list.reload();
          },
          'Sent again',
        ),
      'little',
    );
    again.disabled = ON_THEIR_WAY.includes(delivery.status);
    return again;
  };
  const list = listing({
    caption: 'Deliveries',
    columns: [
      [
        'Event',
        (delivery) =>
          h(
            'div',
            {},
            delivery.type,
            h('div', { class: 'soft small clip', title: delivery.url }, delivery.url),
          ),
      ],
      ['Status', (delivery) => state(delivery.status)],
      ...(filter.job ? [] : [['Of', subject, 'optional']]),
      [
        'When',
        (delivery) =>
          h(
            'time',
            { datetime: delivery.created_at, title: moment(delivery.created_at) },
            ago(delivery.created_at),
          ),
        'optional',
      ],
      [
        '',
        (delivery) =>
          h(
            'div',
            { class: 'row' },
            button(tries(delivery), () => attempts(delivery), 'little plain'),
            replay(delivery),
          ),
        'tools',
      ],
    ],
    read: (after) =>
      get(withQuery('/webhooks/deliveries', { ...filter, after, limit: 20 }), { signal }),
    nothing: () =>
      empty(
        'Nobody was told',
        filter.job
          ? 'Neither its webhook_url nor an endpoint of yours heard of this job.'
          : 'Deliveries are kept for 24 hours after success, and for 7 days after any other end.',
      ),
  });
  poll(list.refresh, 4, signal);
  return list.element;
}

const tries = ({ attempt_count: made }) => (made === 1 ? '1 attempt' : `${made} attempts`);

const subject = ({ job_id: job, batch_id: batch }) =>
  job
    ? h('a', { class: 'mono', href: address('jobs', job) }, short(job))
    : h('span', { class: 'mono' }, batch ? short(batch) : '–');

function attempts(delivery) {
  const shown = dialog(delivery.type, [
    h('div', { class: 'small soft' }, h('div', { class: 'mono' }, delivery.event_id), delivery.url),
    delivery.error && h('p', {}, delivery.error),
    delivery.next_attempt_at && h('p', {}, `Next attempt ${moment(delivery.next_attempt_at)}`),
    h(
      'ol',
      { class: 'attempts' },
      delivery.attempts.map((one) =>
        h(
          'li',
          {},
          h('strong', {}, `${one.number}. `),
          `${time(one.at)} · `,
          one.status_code
            ? `${one.status_code} after ${duration(one.duration_ms)}`
            : (one.error ?? 'no answer'),
          one.answer && h('pre', { class: 'soft' }, one.answer),
        ),
      ),
    ),
    h(
      'div',
      { class: 'row end' },
      button('Close', () => shown.close()),
    ),
  ]);
}
