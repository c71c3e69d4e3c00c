// One field of a form, from its description in OpenAPI.

import { h, show, uid } from '../lib/dom.js';
import { label as named, words } from '../lib/format.js';

/** {name, element, control, read(), write(value), fail(text)}; read() is undefined for the default. */
export function field(
  name,
  spec = {},
  {
    label = named(name),
    look = kindOf(spec),
    rows = 3,
    hint = spec.description,
    placeholder = null,
    required = false,
    autocomplete = 'off',
  } = {},
) {
  const id = uid(name);
  const kind = KINDS[look];
  const control = kind.build(spec, { rows });
  const set = {
    id,
    name,
    required,
    autocomplete,
    'aria-describedby': `${id}-hint ${id}-fault`,
    placeholder: placeholder ?? (spec.default === undefined && kind.none),
  };
  for (const [key, value] of Object.entries(set))
    if (value || value === 0) control.setAttribute(key, value === true ? '' : value);
  const fault = h('p', { class: 'fault', id: `${id}-fault`, hidden: true });
  const text = h(
    'label',
    { for: id },
    label,
    limits(spec) && h('span', { class: 'limits' }, limits(spec)),
  );
  const about = h('p', { class: 'hint', id: `${id}-hint`, hidden: !hint }, plain(hint ?? ''));
  const element =
    look === 'check'
      ? h('div', { class: 'field' }, h('div', { class: 'check' }, control, text), about, fault)
      : h('div', { class: 'field' }, text, control, about, fault);

  const fail = (why) => {
    show(fault, why);
    fault.hidden = !why;
    control.setAttribute('aria-invalid', why ? 'true' : 'false');
  };
  control.addEventListener('input', () => fail(''));
  const write = (value) => kind.write(control, value ?? spec.default ?? null);
  write(null);
  return {
    name,
    element,
    control,
    fail,
    write,
    read: () => {
      const value = kind.read(control);
      return value === null || same(value, spec.default) ? undefined : value;
    },
  };
}

/** A choice of a few, side by side. */
export function segments(name, spec, label = named(name)) {
  const group = uid(name);
  const radios = (spec.options ?? []).map((option) =>
    h(
      'label',
      {},
      h('input', { type: 'radio', name: group, value: option, checked: option === spec.default }),
      words(option),
    ),
  );
  const chosen = () => element.querySelector(':checked')?.value;
  const fault = h('p', { class: 'fault', hidden: true });
  const element = h(
    'fieldset',
    { class: 'field' },
    h('legend', { class: 'legend' }, label),
    h('div', { class: 'segments' }, radios),
    fault,
  );
  return {
    name,
    element,
    control: element,
    read: () => (chosen() === spec.default ? undefined : chosen()),
    write: (value) =>
      radios.forEach(({ firstChild }) => {
        firstChild.checked = firstChild.value === (value ?? spec.default);
      }),
    fail: (why) => {
      show(fault, why);
      fault.hidden = !why;
    },
  };
}

const text = (control) => control.value.trim() || null;
const lines = (control) => {
  const found = control.value.split('\n').filter((line) => line !== '');
  return found.length ? found : null;
};

const KINDS = {
  line: { none: null, build: () => h('input', { type: 'text' }), read: text, write: put },
  secret: {
    none: null,
    build: () => h('input', { type: 'password' }),
    read: (control) => control.value || null,
    write: put,
  },
  text: {
    none: null,
    build: (spec, { rows }) => h('textarea', { rows, maxlength: spec.maxLength }),
    read: text,
    write: put,
  },
  number: {
    none: 'none',
    build: (spec) =>
      h('input', {
        type: 'number',
        step: spec.type === 'integer' ? 1 : 'any',
        inputmode: 'decimal',
        min: spec.minimum ?? spec.exclusiveMinimum,
        max: spec.maximum < 1e15 ? spec.maximum : null,
      }),
    read: (control) => (control.value === '' ? null : Number(control.value)),
    write: put,
  },
  choice: {
    build: (spec) =>
      h(
        'select',
        {},
        spec.default === undefined && h('option', { value: '' }, 'as it is'),
        (spec.options ?? []).map((option) => h('option', { value: option }, words(option))),
      ),
    read: text,
    write: put,
  },
  check: {
    build: () => h('input', { type: 'checkbox' }),
    read: (control) => control.checked,
    write: (control, value) => {
      control.checked = Boolean(value);
    },
  },
  lines: {
    none: null,
    build: () => h('textarea', { rows: 2, class: 'code' }),
    read: lines,
    write: (control, value) => {
      control.value = [value ?? []].flat().join('\n');
    },
  },
  json: {
    none: null,
    build: (_spec, { rows }) => h('textarea', { rows, class: 'code', spellcheck: 'false' }),
    read: (control) => (control.value.trim() ? JSON.parse(control.value) : null),
    write: (control, value) => {
      control.value = value && Object.keys(value).length ? JSON.stringify(value, null, 2) : '';
    },
  },
};

function put(control, value) {
  control.value = value ?? '';
}

function kindOf(spec) {
  if (spec.options) return 'choice';
  return (
    { integer: 'number', number: 'number', boolean: 'check', array: 'lines', object: 'json' }[
      spec.type
    ] ?? 'line'
  );
}

function limits({ type, minimum, exclusiveMinimum, maximum }) {
  if (type !== 'integer' && type !== 'number') return '';
  if (maximum === undefined || maximum >= 1e15) return '';
  return `${exclusiveMinimum === undefined ? minimum : `above ${exclusiveMinimum}`} – ${maximum.toLocaleString('en')}`;
}

const plain = (markdown) => markdown.replaceAll('`', '');
const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);
