// Elements without markup: data only ever becomes text nodes, attributes and properties,
// so nothing that a user or a model writes can become code.

const SVG = 'http://www.w3.org/2000/svg';

/** An element; `on…` attributes are listeners, false and null ones are left out. */
export function h(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** An SVG element, likewise. */
export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

/** Put these in place of what the element holds. */
export function show(parent, ...children) {
  parent.replaceChildren(...nodes(children));
  return parent;
}

let serial = 0;

/** An id that no other element has. */
export function uid(name) {
  serial += 1;
  return `${name}-${serial}`;
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (name === 'value') element.value = value;
    else element.setAttribute(name, value === true ? '' : String(value));
  }
  element.append(...nodes(children));
  return element;
}

function nodes(children) {
  return children
    .flat(Infinity)
    .filter((child) => child !== null && child !== undefined && child !== false);
}
