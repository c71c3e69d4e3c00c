// Do something again and again while the page is there to be seen.

import { link } from './link.js';

/** Run the task now, then `seconds` after each run, until the signal aborts. */
export function poll(task, seconds, signal) {
  let timer = null;
  let running = false;
  const run = async () => {
    clearTimeout(timer);
    if (signal.aborted || running) return;
    running = true;
    if (!document.hidden && !link.down) await task().catch(() => {});
    running = false;
    if (!signal.aborted) timer = setTimeout(run, seconds * 1000);
  };
  const wake = () => {
    if (!document.hidden && !link.down) run();
  };
  document.addEventListener('visibilitychange', wake, { signal });
  link.addEventListener('change', wake, { signal });
  signal.addEventListener('abort', () => clearTimeout(timer));
  run();
  return run;
}
