// A request being written, its answer beside it, and the same request for other languages.

import { h, show } from '../lib/dom.js';
import { call } from '../lib/http.js';
import { fieldsOf } from '../lib/openapi.js';
import { head } from './basics.js';
import { field, segments } from './field.js';
import { form } from './form.js';
import { noRun, runView } from './run.js';
import { snippets } from './snippets.js';

const SAMPLING = ['max_tokens', 'temperature'];
const FINER = ['top_p', 'top_k', 'seed', 'logprobs', 'stop', 'response_format'];
const LIFE = [
  'deadline_seconds',
  'queue_ttl_seconds',
  'timeout_seconds',
  'result_ttl_seconds',
  'on_disconnect',
  'metadata',
  'webhook_url',
  'webhook_events',
  'webhook_include_result',
];
const LOOKS = {
  stop: { look: 'lines', placeholder: 'One a line' },
  response_format: { look: 'json', placeholder: '{"type": "json_object"}' },
  metadata: { look: 'json', placeholder: '{"desk": "options"}' },
  webhook_events: { look: 'lines', placeholder: 'One a line; all but job.started' },
  webhook_url: { placeholder: 'https://hooks.example.com/caravan' },
  system_prompt: { look: 'text', rows: 2 },
};

/** The page for a route; `content` is what is asked, {fields, element}. */
export async function composePage({ path, schema, title, about, verb, content, signal }) {
  const specs = await fieldsOf(schema);
  const make = (name) => field(name, specs[name], LOOKS[name]);
  const priority = segments('priority', specs.priority ?? {});
  const groups = [SAMPLING, FINER, LIFE].map((names) => names.map(make));
  const system = make('system_prompt');
  const [sampling, finer, life] = groups;
  const answer = h('div', { class: 'stack' }, noRun());
  const elsewhere = snippets();
  let leaving = new AbortController();
  signal.addEventListener('abort', () => leaving.abort());

  const run = async (body) => {
    const job = await call('POST', path, {
      body,
      headers: { 'Idempotency-Key': crypto.randomUUID?.() ?? String(Math.random()) },
    });
    leaving.abort();
    leaving = new AbortController();
    show(answer, runView(job, { signal: leaving.signal }));
    if (matchMedia('(max-width: 1050px)').matches)
      answer.scrollIntoView({ block: 'start', behavior: 'smooth' });
  };

  const written = form({
    fields: [...content.fields, priority, system, ...groups.flat()],
    layout: [
      content.element,
      priority.element,
      h('div', { class: 'pair' }, sampling.map(elementOf)),
      h(
        'div',
        { class: 'stack tight' },
        more('System prompt', [system]),
        more('Sampling', finer),
        more('Limits, webhook, metadata', life),
      ),
    ],
    submit: h('button', { class: 'button main' }, verb),
    onSubmit: run,
  });
  const update = () => elsewhere.update(path, written.body());
  written.element.addEventListener('input', update);
  written.element.addEventListener('change', update);
  update();

  return [
    head(title, about),
    h(
      'div',
      { class: 'split' },
      h(
        'div',
        { class: 'stack' },
        h('section', { class: 'card', 'aria-label': 'Request' }, written.element),
      ),
      h('div', { class: 'stack' }, answer, elsewhere.element),
    ),
  ];
}

const elementOf = (one) => one.element;

const more = (title, fields) =>
  h(
    'details',
    { class: 'more' },
    h('summary', {}, title),
    h('div', { class: 'pair' }, fields.map(elementOf)),
  );
