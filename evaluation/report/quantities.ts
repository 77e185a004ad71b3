/** Numbers as a reader wants them. */

/** 0.0123 -> "12 ms", 1.234 -> "1.23 s", 75 -> "1 min 15 s", 4000 -> "1 h 6 min" */
export function durationText(seconds: number): string {
  if (seconds < 0.9995) return `${Math.round(1000 * seconds)} ms`;
  if (seconds < 9.995) return `${seconds.toFixed(2)} s`;
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

const BYTE_UNITS = ['kB', 'MB', 'GB', 'TB'];

/** 20996 -> "21.0 kB" */
export function byteText(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  let value = bytes / 1000;
  let unit = 0;
  // What would be rounded to 1000.0 is one of the next unit.
  for (; value >= 999.95 && unit < BYTE_UNITS.length - 1; unit++) value /= 1000;
  return `${value.toFixed(value < 9.995 ? 2 : 1)} ${BYTE_UNITS[unit]}`;
}

/** Three significant digits, without trailing zeros: 0.5, 1.23, 1240. */
export function numberText(value: number): string {
  return Number(value.toPrecision(3)).toString();
}

/** 0.6355 -> "0.64": what a third digit says is noise. */
export function cosineText(value: number): string {
  return value.toFixed(2);
}

export function percentText(share: number): string {
  const percent = 100 * share;
  return percent > 0 && percent < 0.1 ? 'under 0.1 %' : `${percent.toFixed(1)} %`;
}

/** "1 step", "20 steps" */
export function countText(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** "23 November 2026, 20:33 UTC" */
export function timeText(iso: string): string {
  const format = new Intl.DateTimeFormat('en-GB', { dateStyle: 'long', timeStyle: 'short', timeZone: 'UTC' });
  return `${format.format(new Date(iso)).replace(' at ', ', ')} UTC`;
}

/** "encode_references" -> "Encode references" */
export function labelText(key: string): string {
  const words = key.replaceAll('_', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** "left_45" -> "left 45°"; the subject's own left and right. */
export function viewText(view: string): string {
  return view.replaceAll('_', ' ').replace(/\d+$/, '$&°');
}
