/** How a rule says what it found. */
import { mustBe } from '../../contract/field-error';
import { ERROR_CODES, type Finding, type FindingCode } from '../../contract/reference-check';
import type { ReadImage } from './read-image';

export interface Found {
  /** What it must be: starts after "must". */
  readonly rule: string;
  readonly got: string;
  readonly figure?: number;
}

/** About one picture. */
export function aboutImage(code: FindingCode, { image, field }: ReadImage, { rule, got, figure }: Found): Finding {
  return finding(code, `${field}.file`, image.file, rule, `${image.file} (${got})`, figure);
}

/** About the whole set. */
export function aboutSet(code: FindingCode, { rule, got, figure }: Found): Finding {
  return finding(code, 'reference_set.images', null, rule, got, figure);
}

function finding(
  code: FindingCode,
  path: string,
  file: string | null,
  rule: string,
  got: string,
  figure: number | undefined,
): Finding {
  const isError = (ERROR_CODES as readonly FindingCode[]).includes(code);
  return {
    code,
    severity: isError ? 'error' : 'warning',
    accepted: false,
    path,
    file,
    figure: figure ?? null,
    rule,
    message: mustBe(path, rule, got).message,
  };
}
