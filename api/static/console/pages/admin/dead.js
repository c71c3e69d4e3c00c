// Jobs that failed for good: try them once more, or forget them.

import { h } from '../../lib/dom.js';
import { ago, moment, short } from '../../lib/format.js';
import { call, get, withQuery } from '../../lib/http.js';
import { button, empty } from '../../parts/basics.js';
import { sure } from '../../parts/dialog.js';
import { listing } from '../../parts/table.js';
import { doing, toast } from '../../parts/toast.js';

export async function deadView(signal) {
  const redrive = (job) => {
    const one = button(
      'Redrive',
      () =>
        doing(one, async () => {
          const again = await call('POST', `/admin/dead/${job.id}/redrive`);
          toast(`It goes on as ${short(again.id)}`);
          await list.reload();
        }),
      'little',
    );
    return one;
  };
  const all = button(
    'Redrive all',
    () =>
      doing(all, async () => {
        const { redriven } = await call('POST', '/admin/dead/redrive');
        toast(`${redriven.length} new jobs`);
        await list.reload();
      }),
    'little',
  );
  const purge = button(
    'Purge',
    async () => {
      if (
        !(await sure(
          'Purge the dead letters?',
          'They can no longer be redriven. The jobs stay readable to their owners until they expire.',
          'Purge',
        ))
      )
        return;
      await doing(purge, async () => {
        const { purged } = await call('DELETE', '/admin/dead');
        toast(`${purged} forgotten`);
        await list.reload();
      });
    },
    'little danger',
  );
  const list = listing({
    caption: 'Dead letters',
    columns: [
      ['Job', (job) => h('span', { class: 'mono', title: job.id }, short(job.id))],
      [
        'Why',
        (job) =>
          h(
            'div',
            {},
            h('strong', {}, job.error?.code ?? '–'),
            h(
              'div',
              { class: 'soft small clip', title: job.error?.message },
              job.error?.message ?? '',
            ),
          ),
      ],
      ['Kind', (job) => job.kind, 'optional'],
      ['Attempts', (job) => String(job.attempts), 'number optional'],
      [
        'Failed',
        (job) => h('time', { title: moment(job.completed_at) }, ago(job.completed_at)),
        'optional',
      ],
      ['', redrive, 'tools'],
    ],
    read: (after) => get(withQuery('/admin/dead', { after, limit: 20 }), { signal }),
    nothing: () =>
      empty('No dead letters', 'Jobs that failed for good, of all users, are listed here.'),
  });
  list.reload();
  return h(
    'section',
    { class: 'card flush', 'aria-label': 'Dead letters' },
    h(
      'div',
      { class: 'card-head' },
      h('h2', {}, 'Dead letters'),
      h('div', { class: 'row' }, all, purge),
    ),
    list.element,
  );
}
