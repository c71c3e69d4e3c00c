// Whether the gateway answers. While it does not, ask again until it does.

const EVERY_MS = 1500;

class Link extends EventTarget {
  #asking = null;

  get down() {
    return this.#asking !== null;
  }

  /** Somebody got no answer. */
  lost() {
    if (this.#asking) return;
    this.#asking = setInterval(() => this.#ask(), EVERY_MS);
    this.dispatchEvent(new Event('change'));
  }

  /** Settles once the gateway answers (again), or the signal aborts. */
  async restored(signal) {
    if (!this.down) return;
    await new Promise((resolve) => {
      const done = () => {
        if (!this.down || signal?.aborted) resolve();
      };
      this.addEventListener('change', done);
      signal?.addEventListener('abort', done);
    });
  }

  async #ask() {
    try {
      await fetch('/livez', { cache: 'no-store' });
    } catch {
      return;
    }
    clearInterval(this.#asking);
    this.#asking = null;
    this.dispatchEvent(new Event('change'));
  }
}

export const link = new Link();
