// The signs of the navigation, drawn as lines on a field of 24 by 24.

import { svg } from '../lib/dom.js';

const PATHS = {
  explain: 'M4 19V5m0 14h16M8 15l4-5 3 3 5-7',
  generate: 'M12 4v4m0 8v4m-8-8h4m8 0h4M7 7l2 2m6 6 2 2m0-10-2 2m-6 6-2 2',
  jobs: 'M8 6h12M8 12h12M8 18h12M4 6h.01M4 12h.01M4 18h.01',
  queues: 'M4 6h16v4H4zm0 8h16v4H4zm3-6h.01M7 16h.01',
  webhooks: 'M5 12h13m-5-5 5 5-5 5M5 5v14',
  admin: 'M12 3l7 3v5c0 5-3 8-7 10-4-2-7-5-7-10V6zm-3 9 2 2 4-4',
  account: 'M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zm-7 8c.5-4 3.500-6 7-6s6.500 2 7 6',
};

export const icon = (name) =>
  svg('svg', { viewBox: '0 0 24 24', 'aria-hidden': 'true' }, svg('path', { d: PATHS[name] }));
