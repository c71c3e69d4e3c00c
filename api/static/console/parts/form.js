// A form whose refusals stand at the fields that they are about.

import { h, show } from '../lib/dom.js';
import { note } from './basics.js';

/** Fields may be shown in any arrangement; {element, body(), fail(error), fields}. */
export function form({ fields, layout, submit, onSubmit }) {
  const trouble = h('div', { hidden: true });
  const element = h('form', { class: 'stack', novalidate: true }, layout, trouble, submit);

  const clear = () => {
    trouble.hidden = true;
    fields.forEach((one) => one.fail(''));
  };

  /** Show what the gateway refused: at its field, or below. */
  const fail = (error) => {
    const others = (error.fields ?? []).filter((fault) => !blame(fields, fault));
    const named = (error.fields ?? []).length > others.length;
    if (others.length || !named) {
      show(
        trouble,
        note(
          'bad',
          h('strong', {}, error.message),
          error.requestId && h('div', { class: 'small soft' }, `Request ${error.requestId}`),
        ),
      );
      trouble.hidden = false;
    }
    element.querySelector('[aria-invalid="true"]')?.focus();
  };

  element.addEventListener('submit', async (event) => {
    event.preventDefault();
    clear();
    if (!complete(fields)) {
      const first = element.querySelector('[aria-invalid="true"]');
      first?.closest('details')?.setAttribute('open', '');
      first?.focus();
      return;
    }
    if (submit.disabled) return;
    submit.disabled = true;
    try {
      await onSubmit(read(fields));
    } catch (error) {
      if (error.name !== 'AbortError') fail(error);
    } finally {
      submit.disabled = false;
    }
  });
  return { element, fail, clear, body: () => read(fields) };
}

/** The values that were given, by name. */
function read(fields) {
  const given = {};
  for (const one of fields) {
    try {
      const value = one.read();
      if (value !== undefined) given[one.name] = value;
    } catch {
      // Not JSON: complete() says so.
    }
  }
  return given;
}

/** Whether the browser and JSON have nothing against any field; says what they have. */
function complete(fields) {
  return (
    fields.filter((one) => {
      const why = faultOf(one);
      if (why) one.fail(why);
      return why;
    }).length === 0
  );
}

function faultOf(one) {
  if (one.control.validity && !one.control.validity.valid) return one.control.validationMessage;
  try {
    one.read();
  } catch (error) {
    return `This is not JSON: ${error.message}`;
  }
  return one.check?.() ?? '';
}

function blame(fields, fault) {
  const path = fault.field.split(/[.[]/);
  const found =
    fields.find((one) => one.name === fault.field) ?? fields.find((one) => one.name === path[0]);
  if (!found) return false;
  found.control.closest?.('details')?.setAttribute('open', '');
  found.fail(`${fault.field === found.name ? '' : `${fault.field}: `}${fault.message}`);
  return true;
}
