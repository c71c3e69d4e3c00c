// Fields, limits and defaults, as the gateway describes them: forms.json is that part of its
// /openapi.json which forms need.

import { get } from './http.js';

let description = null;

/** All schemas by name, read once. */
async function described() {
  description ??= get('/console/forms.json', { anonymous: true }).catch((error) => {
    description = null; // next time it may be there
    throw error;
  });
  return description;
}

/** The fields of a schema by name, each flat: {type, minimum, maximum, default, options, …}. */
export async function fieldsOf(schema) {
  const schemas = await described();
  return Object.fromEntries(
    Object.entries(schemas[schema].properties).map(([name, raw]) => [name, flat(raw, schemas)]),
  );
}

/** The examples of a schema. */
export async function examplesOf(schema) {
  return (await described())[schema].examples ?? [];
}

/** Follow references and leave null out: what is left is what a form can ask for. */
function flat(raw, schemas) {
  const { $ref, anyOf, enum: own, ...rest } = raw;
  const options = (anyOf ?? []).filter((one) => one.type !== 'null');
  const target = $ref ? resolve($ref, schemas) : options.length ? flat(options[0], schemas) : {};
  const { enum: theirs, ...others } = target;
  return { ...others, ...rest, options: own ?? theirs ?? target.options ?? null };
}

const resolve = ($ref, schemas) => schemas[$ref.split('/').pop()] ?? {};
