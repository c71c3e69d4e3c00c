// Server-sent events by fetch, which can carry the token; a cut stream goes on where it stopped.

import { Offline, problemOf, send } from './http.js';
import { link } from './link.js';

const PAUSE_MS = 500;

/** Every event of a stream, as {event, data, id}; survives cuts until `last` has come. */
export async function* follow(path, { signal, last = 'done' }) {
  let id = null;
  for (;;) {
    try {
      for await (const event of events(path, id, signal)) {
        id = event.id ?? id;
        yield event;
        if (event.event === last) return;
      }
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof Offline || error instanceof TypeError)) throw error;
      link.lost();
      await link.restored(signal);
    }
    if (signal.aborted) return;
    await new Promise((resolve) => {
      setTimeout(resolve, PAUSE_MS);
    });
  }
}

async function* events(path, id, signal) {
  const headers = { Accept: 'text/event-stream', ...(id === null ? {} : { 'Last-Event-ID': id }) };
  const answer = await send('GET', path, { headers, signal });
  if (!answer.ok) throw await problemOf(answer);
  let event = {};
  for await (const line of lines(answer.body)) {
    if (line === '') {
      if (event.data !== undefined) yield { ...event, data: JSON.parse(event.data) };
      event = {};
    } else if (!line.startsWith(':')) {
      const [, field, value] = /^([^:]*):? ?(.*)$/.exec(line);
      event[field] = value;
    }
  }
}

async function* lines(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const parts = (rest + value).split('\n');
    rest = parts.pop();
    yield* parts;
  }
}
