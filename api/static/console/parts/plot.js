// Lines over the last hour: one small SVG, no library. A minute without a job is a gap.

import { h, svg } from '../lib/dom.js';

const HEIGHT = 170;
const EDGE = { top: 8, right: 8, bottom: 22, left: 46 };

const hour = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });

/** Series are {name: [{at, value}]}; `unit` writes a value, `hues` are classes of plots.css. */
export function plot(title, series, unit, hues = [1, 2, 3, 4]) {
  const now = Date.now();
  const width = matchMedia('(max-width: 560px)').matches ? 330 : 560;
  const x = (at) => EDGE.left + (1 - (now - at) / 3_600_000) * (width - EDGE.left - EDGE.right);
  const all = Object.values(series)
    .flat()
    .map(({ value }) => value)
    .filter((value) => value !== null);
  const steps = ticks(Math.max(...all, 0), all.every(Number.isInteger));
  const top = steps.at(-1);
  const y = (value) => HEIGHT - EDGE.bottom - (value / top) * (HEIGHT - EDGE.top - EDGE.bottom);
  const drawn = svg(
    'svg',
    { viewBox: `0 0 ${width} ${HEIGHT}`, role: 'img', 'aria-label': summary(title, series, unit) },
    steps.map((step) => [
      svg('line', {
        class: 'grid',
        x1: EDGE.left,
        x2: width - EDGE.right,
        y1: y(step),
        y2: y(step),
      }),
      svg('text', { x: EDGE.left - 8, y: y(step) + 4, 'text-anchor': 'end' }, unit(step)),
    ]),
    [60, 45, 30, 15, 0].map((minutes) =>
      svg(
        'text',
        {
          x: x(now - minutes * 60_000),
          y: HEIGHT - 5,
          'text-anchor': minutes === 60 ? 'start' : minutes ? 'middle' : 'end',
        },
        minutes ? hour.format(now - minutes * 60_000) : 'now',
      ),
    ),
    Object.values(series)
      .map((points, at) => line(points, x, y, `hue-${hues[at]}`))
      .reverse(),
  );
  return h(
    'figure',
    { class: 'card plot' },
    h('figcaption', { class: 'card-head' }, h('h3', {}, title), legend(Object.keys(series), hues)),
    all.length ? drawn : h('p', { class: 'empty' }, 'No job has ended in the last hour.'),
  );
}

const legend = (names, hues) =>
  h(
    'div',
    { class: 'legend-row' },
    names.map((name, at) =>
      h(
        'span',
        {},
        svg(
          'svg',
          { viewBox: '0 0 14 8', 'aria-hidden': 'true' },
          svg('rect', {
            class: `hue-${hues[at]}`,
            y: 2.5,
            width: 14,
            height: 3,
            rx: 1.5,
            'stroke-width': 0,
          }),
        ),
        name,
      ),
    ),
  );

/** Stretches of minutes that follow each other; a lonely minute is a dot. */
function line(points, x, y, hue) {
  const stretches = [[]];
  let last = null;
  for (const { at, value } of points) {
    if (value === null) continue;
    if (last !== null && at - last > 90_000) stretches.push([]);
    stretches.at(-1).push([x(at), y(value)]);
    last = at;
  }
  return stretches
    .filter((stretch) => stretch.length)
    .map((stretch) =>
      stretch.length === 1
        ? svg('circle', { class: `dot ${hue}`, cx: stretch[0][0], cy: stretch[0][1], r: 2.5 })
        : svg('path', {
            class: `${hue} line`,
            d: `M${stretch.map(([px, py]) => `${px.toFixed(1)} ${py.toFixed(1)}`).join('L')}`,
          }),
    );
}

/** Round numbers from 0 to above the highest value. */
function ticks(highest, whole) {
  if (highest <= 0) return [0, 1];
  const raw = highest / 4;
  const size = 10 ** Math.floor(Math.log10(raw));
  const found = [1, 2, 2.5, 5, 10].find((factor) => factor * size >= raw) * size;
  const step = whole ? Math.ceil(found) : found;
  return Array.from({ length: Math.ceil(highest / step - 1e-9) + 1 }, (_, at) => at * step);
}

function summary(title, series, unit) {
  const latest = Object.entries(series).map(([name, points]) => {
    const found = points.findLast(({ value }) => value !== null);
    return `${name} ${found ? unit(found.value) : 'nothing'}`;
  });
  return `${title} over the last hour; latest: ${latest.join(', ')}`;
}
