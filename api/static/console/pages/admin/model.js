// The model that is served, and another one in its place, worker by worker.

import { h, show } from '../../lib/dom.js';
import { count } from '../../lib/format.js';
import { call, get } from '../../lib/http.js';
import { fieldsOf } from '../../lib/openapi.js';
import { poll } from '../../lib/poll.js';
import { button, card, empty, facts, fillWith, note, skeleton, state } from '../../parts/basics.js';
import { field } from '../../parts/field.js';
import { form } from '../../parts/form.js';
import { table } from '../../parts/table.js';
import { doing, toast } from '../../parts/toast.js';

export async function modelView(signal) {
  const specs = await fieldsOf('ReloadRequest');
  const served = h('div', {});
  const progress = h('div', {}, skeleton(3));
  const look = () => fillWith(served, async () => modelFacts(await get('/model/info', { signal })));
  look();
  let settled = false;
  const follow = poll(
    async () => {
      if (settled) return;
      const last = await get('/admin/reload', { signal }).catch((error) => {
        if (error.status === 404) return null;
        throw error;
      });
      show(
        progress,
        last
          ? steps(last)
          : empty('Nothing was reloaded yet', 'The workers have what they were started with.'),
      );
      settled = !last || last.done;
      if (last?.done) look();
    },
    1.5,
    signal,
  );

  const fields = [
    field('model', specs.model, { placeholder: 'as it is' }),
    field('quantization', specs.quantization, { placeholder: 'as it is' }),
    field('engine', specs.engine, {}),
  ];
  const reset = field('reset', specs.reset, {
    hint: '',
    label: 'Back to what the workers were started with',
  });
  const { element } = form({
    fields: [...fields, reset],
    layout: [
      h(
        'div',
        { class: 'pair' },
        fields.map((one) => one.element),
      ),
      reset.element,
    ],
    submit: h('button', { class: 'button main' }, 'Reload'),
    onSubmit: async (body) => {
      const { workers } = await call('POST', '/admin/reload', { body });
      toast(`${workers} of the processes heard it`);
      settled = false;
      follow();
    },
  });
  const warm = button('Warm up', () =>
    doing(warm, () => call('POST', '/admin/warmup'), 'Each slot runs a short generation'),
  );
  return h(
    'div',
    { class: 'split' },
    card(
      'Reload',
      h(
        'p',
        { class: 'soft' },
        'One worker after the other; no job is lost by it. A worker that cannot load it keeps what it had.',
      ),
      element,
    ),
    h(
      'div',
      { class: 'stack' },
      card('Served now', served, h('div', { class: 'row' }, warm)),
      h(
        'section',
        { class: 'card flush', 'aria-label': 'Progress of the last reload' },
        h('div', { class: 'card-head' }, h('h2', {}, 'Progress of the last reload')),
        progress,
      ),
    ),
  );
}

const modelFacts = (info) =>
  facts({
    Model: info.model_name ?? '–',
    Quantization: info.quantization ?? 'full',
    Engine: info.engine,
    Device: info.device,
    Context: `${count(info.context_size)} tokens`,
    Slots: count(info.slots),
    'GPU layers': info.gpu_layers,
    Parameters: info.parameters ? `${(info.parameters / 1e6).toFixed(0)} M` : '–',
    Memory: info.memory_bytes ? `${(info.memory_bytes / 2 ** 20).toFixed(0)} MiB` : '–',
  });

const steps = (last) =>
  h(
    'div',
    { class: 'stack' },
    last.failed &&
      h(
        'div',
        { class: 'inset' },
        note('bad', 'A worker could not load it. The model before stays in force.'),
      ),
    table(
      'Workers',
      [
        ['Worker', (worker) => h('span', { class: 'mono' }, worker.id)],
        [
          'Step',
          (worker) =>
            h(
              'div',
              {},
              state(worker.state),
              worker.error && h('div', { class: 'fault' }, worker.error),
            ),
        ],
        ['Serves', (worker) => `${worker.model_name ?? '–'} · ${worker.quantization ?? 'full'}`],
      ],
      last.workers,
    ),
  );
