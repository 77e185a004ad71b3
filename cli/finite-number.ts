/** A parser of an option's argument. */
import { UsageError } from './exit-code';

export function finiteNumber(name: string): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== '' && Number.isFinite(value)) return value;
    throw new UsageError(`${name} must be a number, got ${text}.`);
  };
}
