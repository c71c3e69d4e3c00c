// One address a page: #/jobs/job_… Each page gets a signal that aborts when it is left.

/** Calls render(name, rest, signal) now and whenever the address changes. */
export function route(render) {
  let leaving = new AbortController();
  const go = () => {
    leaving.abort();
    leaving = new AbortController();
    const [path, query = ''] = location.hash.replace(/^#\/?/, '').split('?');
    const [name, ...rest] = path.split('/').map(decodeURIComponent);
    render({ name, rest, query: new URLSearchParams(query), signal: leaving.signal });
  };
  addEventListener('hashchange', go);
  go();
  return go;
}

export const address = (...parts) => `#/${parts.map(encodeURIComponent).join('/')}`;
