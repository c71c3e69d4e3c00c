// Numbers, times and ids as people read them.

const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto', style: 'narrow' });
const clock = new Intl.DateTimeFormat('en-GB', {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
});
const full = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'medium' });

/** 12,345 */
export const count = (number) => (number ?? 0).toLocaleString('en');

/** 12.3, or – for nothing. */
export const decimal = (number, digits = 1) =>
  number === null || number === undefined ? '–' : number.toFixed(digits);

/** $0.0123: as many digits as it takes to see it. */
export function money(usd) {
  if (usd === null || usd === undefined) return '–';
  if (usd === 0) return '$0';
  return `$${usd < 0.01 ? usd.toPrecision(2) : usd.toFixed(usd < 1 ? 4 : 2)}`;
}

/** 350 ms, 4.2 s, 3 min 20 s, 2 h 5 min. */
export function duration(ms) {
  if (ms === null || ms === undefined || Number.isNaN(ms)) return '–';
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const seconds = ms / 1000;
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.round(seconds % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** Milliseconds between two ISO times; null where one is missing. */
export const between = (from, to) => (from && to ? new Date(to) - new Date(from) : null);

/** 14:03:21 */
export const time = (iso) => (iso ? clock.format(new Date(iso)) : '–');

/** 22 Nov 2026, 14:03:21 */
export const moment = (iso) => (iso ? full.format(new Date(iso)) : '–');

/** 5 min. ago */
export function ago(iso) {
  if (!iso) return '–';
  const seconds = (new Date(iso) - Date.now()) / 1000;
  for (const [unit, size] of [
    ['day', 86400],
    ['hour', 3600],
    ['minute', 60],
  ]) {
    if (Math.abs(seconds) >= size) return relative.format(Math.round(seconds / size), unit);
  }
  return Math.abs(seconds) < 5 ? 'now' : relative.format(Math.round(seconds), 'second');
}

/** The last characters of an id tell it apart; the first ones are the time. */
export const short = (id) => (id.length > 16 ? `${id.slice(0, 4)}…${id.slice(-8)}` : id);

/** in_progress becomes "in progress". */
export const words = (name) => name.replaceAll('_', ' ');

/** time_to_first_token becomes "Time to first token". */
export const label = (name) => words(name).replace(/^./, (first) => first.toUpperCase());
