// The same request for a shell, for Python with the openai package, and for JavaScript.

import { h } from '../lib/dom.js';
import { copyButton } from './basics.js';
import { tabs } from './tabs.js';

/** Which tier of the OpenAI API is which queue. */
const TIERS = { urgent: 'ultrafast', high: 'priority', low: 'flex' };
/** Fields that chat.completions.create() has itself; the others travel as extra_body. */
const OPENAI = [
  'max_tokens',
  'temperature',
  'top_p',
  'stop',
  'seed',
  'metadata',
  'response_format',
];
const LANGUAGES = { curl, 'Python (openai)': python, JavaScript: javascript };

/** Snippets that follow the form: {element, update(path, body)}. */
export function snippets() {
  const blocks = Object.fromEntries(
    Object.keys(LANGUAGES).map((name) => [
      name,
      h('pre', { tabindex: '0', 'aria-label': `${name} snippet` }),
    ]),
  );
  const element = h(
    'section',
    { class: 'card', 'aria-label': 'The same request elsewhere' },
    h(
      'div',
      { class: 'card-head' },
      h('h2', {}, 'The same request elsewhere'),
      h(
        'span',
        { class: 'hint' },
        'TOKEN: an access token or an ',
        h('a', { href: '#/account' }, 'API key'),
      ),
    ),
    tabs(
      'Languages',
      Object.fromEntries(
        Object.entries(blocks).map(([name, block]) => [
          name,
          h(
            'div',
            { class: 'snippet' },
            block,
            copyButton(() => block.textContent),
          ),
        ]),
      ),
    ),
  );
  return {
    element,
    update: (path, body) => {
      for (const [name, write] of Object.entries(LANGUAGES))
        blocks[name].textContent = write(path, body);
    },
  };
}

function curl(path, body) {
  const json = JSON.stringify(body, null, 2).replaceAll("'", "'\\''");
  return `curl -s ${location.origin}${path} \\
  -H "Authorization: Bearer $TOKEN" \\
  -H "Content-Type: application/json" \\
  -H "Prefer: wait=60" \\
  -d '${json}'
`;
}

function python(path, body) {
  return path === '/generate' ? chat(body) : posted(path, body);
}

function chat({ prompt, system_prompt: system, priority, ...rest }) {
  const messages = [
    ...(system ? [{ role: 'system', content: system }] : []),
    { role: 'user', content: prompt ?? '' },
  ];
  const own = Object.fromEntries(Object.entries(rest).filter(([name]) => OPENAI.includes(name)));
  const extra = Object.fromEntries(Object.entries(rest).filter(([name]) => !OPENAI.includes(name)));
  const given = {
    messages,
    temperature: 0.1,
    ...own,
    ...(priority ? { service_tier: TIERS[priority] } : {}),
    ...(Object.keys(extra).length ? { extra_body: extra } : {}),
  };
  const lines = Object.entries(given)
    .map(([name, value]) => `    ${name}=${literal(value, 1)},\n`)
    .join('');
  return `import os

from openai import OpenAI

client = OpenAI(base_url="${location.origin}/v1", api_key=os.environ["TOKEN"])
stream = client.chat.completions.create(
    model=client.models.list().data[0].id,
    stream=True,
${lines})
for chunk in stream:
    if chunk.choices:
        print(chunk.choices[0].delta.content or "", end="", flush=True)
`;
}

function posted(path, body) {
  return `import os

from openai import OpenAI

client = OpenAI(base_url="${location.origin}", api_key=os.environ["TOKEN"])
job = client.post(
    "${path}",
    cast_to=object,
    options={"headers": {"Prefer": "wait=60"}},
    body=${literal(body, 1)},
)
print(job["result"]["explanation"])
`;
}

function javascript(path, body) {
  return `const answer = await fetch("${location.origin}${path}", {
  method: "POST",
  headers: {
    Authorization: \`Bearer \${TOKEN}\`,
    "Content-Type": "application/json",
    Prefer: "wait=60",
  },
  body: JSON.stringify(${JSON.stringify(body, null, 2).replaceAll('\n', '\n  ')}),
});
const job = await answer.json();
console.log(job.result);
`;
}

/** A value as Python writes it. */
function literal(value, depth = 0) {
  if (value === null) return 'None';
  if (value === true) return 'True';
  if (value === false) return 'False';
  if (typeof value !== 'object') return JSON.stringify(value);
  const inside = '    '.repeat(depth + 1);
  const [open, close, parts] = Array.isArray(value)
    ? ['[', ']', value.map((one) => literal(one, depth + 1))]
    : [
        '{',
        '}',
        Object.entries(value).map(
          ([key, one]) => `${JSON.stringify(key)}: ${literal(one, depth + 1)}`,
        ),
      ];
  if (!parts.length) return open + close;
  return `${open}\n${parts.map((one) => `${inside}${one},\n`).join('')}${'    '.repeat(depth)}${close}`;
}
