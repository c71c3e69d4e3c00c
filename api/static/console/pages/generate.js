// Text from a prompt.

import { fieldsOf } from '../lib/openapi.js';
import { composePage } from '../parts/compose.js';
import { field } from '../parts/field.js';

export default async function generatePage({ signal }) {
  const { prompt: spec } = await fieldsOf('GenerateRequest');
  const prompt = field('prompt', spec, {
    look: 'text',
    rows: 6,
    required: true,
    hint: '',
    placeholder: 'The future of AI is',
  });
  return composePage({
    path: '/generate',
    schema: 'GenerateRequest',
    title: 'Generate',
    about: 'Text from a prompt. It waits in its queue, and streams once a slot is free.',
    verb: 'Generate',
    content: { fields: [prompt], element: prompt.element },
    signal,
  });
}
