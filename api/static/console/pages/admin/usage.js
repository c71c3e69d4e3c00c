// What everybody used in the last 30 days, and what it cost.

import { h } from '../../lib/dom.js';
import { count, money } from '../../lib/format.js';
import { get, withQuery } from '../../lib/http.js';
import { card, empty, tiles } from '../../parts/basics.js';
import { table } from '../../parts/table.js';

const day = (at) => new Date(at).toISOString().slice(0, 10);

export async function usageView(signal) {
  const days = { start_date: day(Date.now() - 29 * 86_400_000), end_date: day(Date.now()) };
  const { usage, dead } = await get(withQuery('/admin/stats', days), { signal });
  const { totals } = usage;
  const sums = (key) => [
    [key === 'user' ? 'User' : 'Model', (line) => line[key] || '–'],
    ['Jobs', (line) => count(line.jobs), 'number'],
    ['Failed', (line) => count(line.failed), 'number optional'],
    ['Prompt', (line) => count(line.prompt_tokens), 'number optional'],
    ['Completion', (line) => count(line.completion_tokens), 'number'],
    ['Cost', (line) => money(line.cost_usd), 'number'],
  ];
  const section = (title, key, lines) =>
    h(
      'section',
      { class: 'card flush', 'aria-label': title },
      h('div', { class: 'card-head' }, h('h2', {}, title)),
      lines.length
        ? table(title, sums(key), lines)
        : empty('Nothing yet', 'Jobs are counted when they end.'),
    );
  return h(
    'div',
    { class: 'stack' },
    tiles({
      'Jobs, 30 days': count(totals.jobs),
      Completed: count(totals.completed),
      Failed: count(totals.failed),
      'Tokens made': count(totals.completion_tokens),
      Cost: money(totals.cost_usd),
      'Dead letters': count(dead),
    }),
    section('By user', 'user', usage.users),
    section('By model', 'model', usage.models),
    card(
      'Prices',
      h(
        'p',
        { class: 'soft' },
        'MODEL_PRICES and PRICE_PER_1K_TOKENS are settings of the gateway; a job keeps the prices that held when it was submitted.',
      ),
    ),
  );
}
