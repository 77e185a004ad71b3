/** A job in lines for people. */
import type { Consent } from '../contract/consent';
import type { Job } from '../contract/job';
import { parseResultKey } from '../contract/keys';
import { type ReferenceCheck, yawText } from '../contract/reference-check';
import { byteText } from '../gpu-worker/memory';
import { seconds } from './progress';

const LABEL_WIDTH = 10;

/** @param consent of the job, where it was asked for and there is one. */
export function jobLines(job: Job, consent: Consent | null = null): string[] {
  const rows: [label: string, value: string | null][] = [
    ['set', `${job.tenant}/${job.set}, model ${job.model}`],
    ['consent', consent && `${consent.reference}, recorded ${timeText(consent.recorded_at)}`],
    ['prompt', job.input?.prompt.replaceAll(/\s+/g, ' ') ?? null],
    ['settings', settingsText(job)],
    ['photos', job.reference_check && photosText(job.reference_check)],
    ...warningsOf(job).map((text): [string, string] => ['warning', text]),
    ['progress', job.status === 'processing' ? progressText(job) : null],
    ['created', timeText(job.created_at)],
    ['took', tookText(job)],
    ...job.attempts.map((attempt): [string, string] => ['attempt', attemptText(attempt)]),
    ...job.output.map((output): [string, string] => ['output', outputText(output)]),
    ['removed', job.data_removed_at && `${timeText(job.data_removed_at)}: the retention of its results was over`],
  ];
  // The message is that of the first detail; where there are several, all of them stand below each other.
  if (job.error) {
    const { code, message, details } = job.error;
    const lines = details.length > 1 ? details.map((detail) => detail.message) : [message];
    rows.push(['error', `${code}: ${lines[0]}`], ...lines.slice(1).map((line): [string, string] => ['', line]));
  }
  const shown = rows.filter(([, value]) => value !== null);
  return [`${job.id}  ${job.status}`, ...shown.map(([label, value]) => `  ${label.padEnd(LABEL_WIDTH)} ${value}`)];
}

/** "8/20 steps, 40 %, 12 s left" */
export function progressText({ progress }: Job): string {
  const { step, total_steps, percent, eta_seconds } = progress;
  const left = eta_seconds === null ? [] : [`${seconds(eta_seconds)} left`];
  return [`${step}/${total_steps} steps`, `${Math.round(percent)} %`, ...left].join(', ');
}

/** "2026-11-23 20:33:07 UTC" */
export function timeText(iso: string): string {
  return `${iso.slice(0, 19).replace('T', ' ')} UTC`;
}

/** "3 photos: 57° right, 0°, 66° left" */
function photosText({ images }: ReferenceCheck): string {
  const angles = images.map(({ yaw }) => (yaw === null ? 'no face' : yawText(yaw)));
  return `${images.length} ${images.length === 1 ? 'photo' : 'photos'}: ${angles.join(', ')}`;
}

/** What is an error stands in the job's own error. */
function warningsOf({ reference_check }: Job): string[] {
  const warnings = reference_check?.findings.filter(({ severity }) => severity === 'warning') ?? [];
  return warnings.map(({ message, accepted }) => (accepted ? `${message} (accepted)` : message));
}

function settingsText({ input }: Job): string | null {
  if (!input) return null;
  const outputs = input.num_outputs === 1 ? '' : `, ${input.num_outputs} outputs`;
  return `${input.width} x ${input.height}, ${input.num_frames} frames at ${input.fps} fps, ${input.steps} steps, seed ${input.seed}${outputs}`;
}

function tookText({ metrics }: Job): string | null {
  const { total_time, queue_time, predict_time } = metrics;
  if (total_time === null) return null;
  const parts = [
    ...(queue_time === null ? [] : [`${seconds(queue_time)} until it started`]),
    ...(predict_time === null ? [] : [`${seconds(predict_time)} to make`]),
  ];
  return parts.length === 0 ? seconds(total_time) : `${seconds(total_time)}: ${parts.join(', ')}`;
}

function attemptText({
  number,
  started_at,
  stopped_at,
  reason,
  capacity,
  instance_type,
}: Job['attempts'][number]): string {
  const place = [capacity?.replace('_', '-'), instance_type].filter(Boolean).join(' ');
  const start = started_at === null ? 'not started' : `from ${timeText(started_at).slice(11, 19)}`;
  const stop = stopped_at === null ? '' : ` to ${timeText(stopped_at).slice(11, 19)}`;
  return [`${number}`, place, `${start}${stop}`, reason].filter(Boolean).join(', ');
}

function outputText({ key, size, width, height, duration_seconds }: Job['output'][number]): string {
  const file = parseResultKey(key)?.file ?? key;
  const area = width === null || height === null ? [] : [`${width} x ${height}`];
  const length = duration_seconds === null ? [] : [seconds(duration_seconds)];
  return [`${file}  ${byteText(size)}`, ...area, ...length].join(', ');
}
