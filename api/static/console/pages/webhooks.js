// Who is told of one's jobs: endpoints, the secret of webhook_urls, and the ledger.

import { h } from '../lib/dom.js';
import { ago, moment } from '../lib/format.js';
import { call, get } from '../lib/http.js';
import { fieldsOf } from '../lib/openapi.js';
import { button, card, empty, head, note, state } from '../parts/basics.js';
import { deliveryList } from '../parts/deliveries.js';
import { dialog, reveal, sure } from '../parts/dialog.js';
import { field } from '../parts/field.js';
import { form } from '../parts/form.js';
import { listing } from '../parts/table.js';
import { tabs } from '../parts/tabs.js';
import { doing, toast } from '../parts/toast.js';

const USUAL = ['job.completed', 'job.failed', 'job.cancelled', 'job.expired'];

export default async function webhooksPage({ signal }) {
  const specs = await fieldsOf('EndpointRequest');
  const list = endpointList(signal);
  const add = button('Add an endpoint', () => endpointDialog(specs, list.reload), 'main');
  return [
    head(
      'Webhooks',
      'Be told instead of asking: signed, tried again for three days, and kept in a ledger.',
      add,
    ),
    tabs('Webhooks', {
      Endpoints: h('section', { class: 'card flush', 'aria-label': 'Endpoints' }, list.element),
      Deliveries: h(
        'section',
        { class: 'card flush', 'aria-label': 'Deliveries' },
        deliveryList({}, signal),
      ),
      'Signing secret': ownSecret(),
    }),
  ];
}

function endpointList(signal) {
  const path = ({ id }) => `/webhooks/endpoints/${id}`;
  const act = (text, endpoint, task, done, look = '') => {
    const one = button(
      text,
      () =>
        doing(
          one,
          async () => {
            await task(endpoint);
            await list.reload();
          },
          done,
        ),
      `little ${look}`,
    );
    return one;
  };
  const test = async (endpoint) => {
    await call('POST', `${path(endpoint)}/test`);
  };
  const rotate = async (endpoint) => {
    if (
      !(await sure(
        'Rotate this secret?',
        'Both secrets sign for 24 hours: put the new one into your receiver by then.',
        'Rotate',
      ))
    )
      return;
    const { secret } = await call('POST', `${path(endpoint)}/secret`);
    reveal('The new secret', endpoint.url, secret);
  };
  const turn = async (endpoint) => {
    await call('POST', `${path(endpoint)}/${endpoint.disabled ? 'enable' : 'disable'}`);
  };
  const recover = async (endpoint) => {
    const since = new Date(Date.now() - 7 * 86_400_000).toISOString();
    const { recovered } = await call(
      'POST',
      `${path(endpoint)}/recover?since=${encodeURIComponent(since)}`,
    );
    toast(recovered === 1 ? '1 delivery is sent again' : `${recovered} deliveries are sent again`);
  };
  const remove = async (endpoint) => {
    if (
      await sure(
        'Delete this endpoint?',
        `What is on its way to ${endpoint.url} is cancelled.`,
        'Delete',
      )
    )
      await call('DELETE', path(endpoint));
  };
  const list = listing({
    caption: 'Endpoints',
    columns: [
      [
        'URL',
        (endpoint) =>
          h(
            'div',
            {},
            h('div', { class: 'clip', title: endpoint.url }, endpoint.url),
            h(
              'div',
              { class: 'soft small' },
              endpoint.description || (endpoint.events ?? ['all but job.started']).join(', '),
            ),
          ),
      ],
      [
        'State',
        (endpoint) =>
          h(
            'span',
            { title: endpoint.disabled_reason },
            state(endpoint.disabled ? 'disabled' : 'enabled'),
          ),
      ],
      [
        'Failing since',
        (endpoint) =>
          endpoint.failing_since
            ? h('time', { title: moment(endpoint.failing_since) }, ago(endpoint.failing_since))
            : '–',
        'optional',
      ],
      [
        '',
        (endpoint) =>
          h(
            'div',
            { class: 'row' },
            act('Test', endpoint, test, 'An endpoint.test is on its way'),
            act('Rotate', endpoint, rotate),
            act('Recover', endpoint, recover),
            act(
              endpoint.disabled ? 'Enable' : 'Disable',
              endpoint,
              turn,
              endpoint.disabled ? 'Enabled' : 'Disabled',
            ),
            act('Delete', endpoint, remove, null, 'danger'),
          ),
        'tools',
      ],
    ],
    read: () => get('/webhooks/endpoints', { signal }),
    nothing: () =>
      empty(
        'No endpoint yet',
        'An endpoint hears of all your jobs and batches. A job may also name a webhook_url of its own.',
      ),
  });
  list.reload();
  return list;
}

function endpointDialog(specs, done) {
  const url = field(
    'url',
    { ...specs.url, default: undefined },
    { required: true, placeholder: 'https://hooks.example.com/caravan', label: 'URL' },
  );
  const description = field('description', specs.description, { hint: '' });
  const result = field('include_result', specs.include_result, { hint: '' });
  const events = eventChoice(specs.events?.items?.enum ?? USUAL);
  const cancel = button('Cancel', () => asked.close());
  const { element } = form({
    fields: [url, events, description, result],
    layout: [url.element, description.element, events.element, result.element],
    submit: h('button', { class: 'button main' }, 'Add'),
    onSubmit: async (body) => {
      const made = await call('POST', '/webhooks/endpoints', { body });
      asked.close();
      reveal('The secret of this endpoint', 'It checks the signatures of what comes.', made.secret);
      done();
    },
  });
  const asked = dialog('A new endpoint', element);
  element.append(h('div', { class: 'row end' }, cancel, element.querySelector('.main')));
}

/** Which events, as boxes to tick. */
function eventChoice(options) {
  const boxes = options.map((name) =>
    h(
      'label',
      { class: 'check' },
      h('input', { type: 'checkbox', value: name, checked: USUAL.includes(name) }),
      name,
    ),
  );
  const fault = h('p', { class: 'fault', hidden: true });
  const element = h(
    'fieldset',
    { class: 'field' },
    h('legend', { class: 'legend' }, 'Events'),
    h('div', { class: 'checks' }, boxes),
    fault,
  );
  return {
    name: 'events',
    element,
    control: element,
    read: () =>
      boxes
        .map((box) => box.firstChild)
        .filter((box) => box.checked)
        .map((box) => box.value),
    fail: (why) => {
      fault.textContent = why;
      fault.hidden = !why;
    },
  };
}

/** The secret that signs what goes to the webhook_url of a job. */
function ownSecret() {
  const showIt = button('Show', () =>
    doing(showIt, async () => {
      const { secret } = await get('/webhooks/secret');
      reveal('Your signing secret', 'It signs what goes to the webhook_url of your jobs.', secret);
    }),
  );
  const rotate = button('Rotate', () =>
    doing(rotate, async () => {
      if (!(await sure('Rotate your secret?', 'Both secrets sign for 24 hours.', 'Rotate'))) return;
      const { secret } = await call('POST', '/webhooks/secret');
      reveal('Your new signing secret', 'The old one is valid for 24 hours more.', secret);
    }),
  );
  return card(
    'Signing secret',
    h(
      'p',
      {},
      'It signs what goes to the ',
      h('code', {}, 'webhook_url'),
      ' of your jobs. Endpoints have secrets of their own.',
    ),
    note(
      '',
      'Check before you believe: ',
      h('code', {}, 'Webhook(secret).verify(body, headers)'),
      ' of the package standardwebhooks.',
    ),
    h('div', { class: 'row' }, showIt, rotate),
  );
}
