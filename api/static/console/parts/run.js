// One job as it runs: its place in the queue, its text as it comes, what it took.

import { h, show } from '../lib/dom.js';
import { between, decimal, duration, label, money } from '../lib/format.js';
import { call } from '../lib/http.js';
import { address } from '../lib/router.js';
import { follow } from '../lib/sse.js';
import { button, empty, facts, note, state } from './basics.js';
import { doing, toast } from './toast.js';

const ENDED = ['completed', 'failed', 'cancelled', 'expired'];
export const ended = (job) => ENDED.includes(job.status);

/** A job as an element that is alive until the signal aborts; onEnd(job) once it has ended. */
export function runView(job, { signal, linked = true, onEnd = () => {} }) {
  const status = h('div', { role: 'status' }, state(job.status));
  const place = h('div', { class: 'place' });
  const output = h('div', { class: 'output', role: 'log', 'aria-label': 'Text', tabindex: '0' });
  const numbers = h('div', {});
  const trouble = h('div', {});
  const cancel = button(
    'Cancel',
    () => doing(cancel, () => call('DELETE', job.urls.cancel), 'Cancelled'),
    'little danger',
  );
  const meter = new Meter();

  const see = (next, queue) => {
    show(status, state(next));
    const writing = next === 'in_progress';
    output.classList.toggle('writing', writing);
    output.setAttribute('aria-busy', writing);
    cancel.hidden = ENDED.includes(next);
    show(place, next === 'queued' ? waiting(queue, meter.tokens) : '');
  };

  const finish = (done) => {
    see(done.status);
    if (output.textContent === '')
      show(output, textOf(done) || h('span', { class: 'soft' }, NOTHING[done.status]));
    show(
      trouble,
      done.error && note('bad', h('strong', {}, label(done.error.code)), ': ', done.error.message),
    );
    show(numbers, facts(meter.final(done)));
    onEnd(done);
  };

  const watch = async () => {
    for await (const { event, data } of follow(job.urls.events, { signal })) {
      if (event === 'status') see(data.status, data.queue);
      if (event === 'token') {
        const low = output.scrollHeight - output.scrollTop - output.clientHeight < 40;
        output.append(data.text);
        if (low) output.scrollTop = output.scrollHeight;
        meter.add(data.tokens);
        show(numbers, facts(meter.live()));
      }
      if (event === 'error') toast(data.message, 'bad');
      if (event === 'done') finish(data);
    }
  };

  see(job.status, job.queue);
  if (ended(job)) finish(job);
  else
    watch().catch((error) => {
      if (!signal.aborted) show(trouble, note('bad', error.message));
    });

  return h(
    'section',
    { class: 'card', 'aria-label': 'Job' },
    h(
      'div',
      { class: 'card-head' },
      status,
      h(
        'div',
        { class: 'row' },
        linked && h('a', { class: 'small', href: address('jobs', job.id) }, 'Details'),
        cancel,
      ),
    ),
    place,
    output,
    trouble,
    numbers,
  );
}

/** What is shown before the first job. */
export const noRun = () =>
  h(
    'section',
    { class: 'card', 'aria-label': 'Job' },
    empty('Nothing runs yet', 'The answer appears here while it is written.'),
  );

const NOTHING = {
  completed: 'The model had nothing to say.',
  failed: 'There is no text.',
  cancelled: 'Cancelled before the first word.',
  expired: 'Expired before the first word.',
};

const textOf = (job) => job.result?.text ?? job.result?.explanation ?? '';

function waiting(queue, tokens) {
  if (tokens) return h('span', {}, 'Its worker is gone. It goes on where it stopped.');
  if (!queue) return h('span', {}, 'Waiting for a slot.');
  return [
    h('span', {}, 'Position ', h('strong', {}, queue.position)),
    queue.eta_seconds !== null &&
      h('span', {}, 'starts in about ', h('strong', {}, duration(queue.eta_seconds * 1000))),
  ];
}

/** Counts tokens as they come, by the browser's clock. */
class Meter {
  tokens = 0;
  #asked = performance.now();
  #first = null;
  #at = null;

  add(tokens) {
    this.#at = performance.now();
    if (this.#first === null) this.#first = { at: this.#at, tokens };
    this.tokens += tokens;
  }

  #rate() {
    const seconds = (this.#at - this.#first.at) / 1000;
    return seconds > 0.2 ? (this.tokens - this.#first.tokens) / seconds : null;
  }

  live() {
    return {
      Tokens: String(this.tokens),
      'Tokens/s': decimal(this.#rate()),
      'First token': duration(this.#first.at - this.#asked),
    };
  }

  final(job) {
    const { result, usage } = job;
    const rate = result?.tokens_per_second ?? (this.#first ? this.#rate() : null);
    const took = between(job.started_at, job.completed_at);
    return {
      Tokens: `${usage.completion_tokens} of ${usage.total_tokens}`,
      'Tokens/s': decimal(
        rate ?? (took && result ? (usage.completion_tokens * 1000) / took : null),
      ),
      Waited: duration(between(job.created_at, job.started_at ?? job.completed_at)),
      Ran: duration(took),
      Confidence:
        result?.confidence_score == null ? '–' : `${Math.round(result.confidence_score * 100)} %`,
      Cost: money(usage.cost_usd),
      'Finish reason': result?.finish_reason ?? '–',
      Model: result?.model_info?.model_name
        ? `${result.model_info.model_name}, ${result.model_info.quantization ?? 'full'}`
        : '–',
    };
  }
}
