/** A parser of an option's argument. */
import { UsageError } from './exit-code';

/** Of an operator, where the command line asks for a number of them. */
export const MAX_THREADS = 1024;

export function wholeNumber(name: string, least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== '' && Number.isInteger(value) && value >= least && value <= most) return value;
    throw new UsageError(`${name} must be a whole number from ${least} to ${most}, got ${text}.`);
  };
}
