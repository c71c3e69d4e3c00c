// Financial data in plain words.

import { h } from '../lib/dom.js';
import { label } from '../lib/format.js';
import { examplesOf, fieldsOf } from '../lib/openapi.js';
import { button } from '../parts/basics.js';
import { composePage } from '../parts/compose.js';
import { contextFacts } from '../parts/contextfacts.js';
import { field } from '../parts/field.js';

/** Kinds of analysis whose facts the gateway knows. */
const KINDS = [
  'sentiment',
  'options',
  'volatility',
  'technical',
  'earnings',
  'fundamental',
  'risk',
  'portfolio',
  'macro',
];
const OWN = ['analysis_type', 'symbol'];

export default async function explainPage({ signal }) {
  const [specs, examples] = await Promise.all([fieldsOf('Context'), examplesOf('ExplainRequest')]);
  const context = contextField(specs, examples);
  return composePage({
    path: '/explain',
    schema: 'ExplainRequest',
    title: 'Explain',
    about:
      'Financial data in plain words. Send what you have: known facts get their units, others go along as they are.',
    verb: 'Explain',
    content: { fields: [context], element: context.element },
    signal,
  });
}

/** The context as one field of the request. */
function contextField(specs, examples) {
  const kind = field(
    'analysis_type',
    { ...specs.analysis_type, options: KINDS, default: 'sentiment' },
    { label: 'Analysis', hint: '' },
  );
  const symbol = field('symbol', specs.symbol, { hint: '', placeholder: 'AAPL' });
  const facts = contextFacts();
  const fault = h('p', { class: 'fault', hidden: true, role: 'alert' });

  const suggest = async () => facts.suggest(await fieldsOf(`${label(kind.control.value)}Context`));
  const write = ({ context: { analysis_type: type, symbol: of = '', ...rest } }) => {
    kind.write(KINDS.find((known) => type.startsWith(known)) ?? KINDS[0]);
    symbol.write(of);
    facts.write(rest);
    suggest();
  };
  kind.control.addEventListener('change', suggest);
  if (examples.length) write(examples[0]);

  const element = h(
    'div',
    { class: 'stack' },
    h('div', { class: 'pair' }, kind.element, symbol.element),
    h(
      'fieldset',
      { class: 'stack tight' },
      h('legend', { class: 'legend' }, 'Facts'),
      facts.element,
      fault,
    ),
    h(
      'div',
      { class: 'row' },
      h('span', { class: 'hint' }, 'Examples'),
      examples.map((example) =>
        button(label(example.context.analysis_type), () => write(example), 'little'),
      ),
    ),
  );
  return {
    name: 'context',
    element,
    control: element,
    read: () => ({
      analysis_type: kind.control.value,
      ...(symbol.read() ? { symbol: symbol.read() } : {}),
      ...without(facts.read(), OWN),
    }),
    fail: (why) => {
      fault.textContent = why;
      fault.hidden = !why;
    },
  };
}

const without = (object, names) =>
  Object.fromEntries(Object.entries(object).filter(([name]) => !names.includes(name)));
