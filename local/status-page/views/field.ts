/** One field of the form: label, hint, and a place for its error, tied together for screen readers. */
import { html } from 'hono/html';
import type { Html } from './layout';

export interface Field {
  /** Its name in job.json; also its id. */
  readonly name: string;
  readonly label: string;
  readonly hint?: string;
  readonly isRequired?: boolean;
}

export interface InputField extends Field {
  readonly value?: string;
  readonly maxLength?: number;
  readonly inputMode?: 'numeric' | 'url';
}

export function inputField({ value = '', maxLength, inputMode, ...field }: InputField): Html {
  return labelledField(
    field,
    (attributes) =>
      html`<input ${attributes} value="${value}" autocomplete="off" ${maxLength && html`maxlength="${maxLength}"`} ${inputMode && html`inputmode="${inputMode}"`}>`,
  );
}

/** @param control is given the attributes that tie it to its label, hint and error. */
export function labelledField(
  { name, label, hint = '', isRequired }: Field,
  control: (attributes: Html) => Html,
): Html {
  const describedBy = `${hint && `hint:${name} `}error:${name}`;
  const attributes = html`id="${name}" name="${name}" aria-describedby="${describedBy}" ${isRequired && html`aria-required="true"`}`;
  return html`<div class="field"><label for="${name}">${label}</label>${hint && html`<p class="hint" id="hint:${name}">${hint}</p>`}${control(attributes)}${errorSlot(name)}</div>`;
}

/** Empty until the server finds something wrong. */
export function errorSlot(name: string): Html {
  return html`<p class="field-error" id="error:${name}" hidden></p>`;
}
