/** `mv2id model inspect`: prints what a model directory holds, what it needs, and every reason why it cannot be used. */
import { byteText } from '../../gpu-worker/memory';
import { type ComponentReport, inspectModel, type ModelReport } from '../../gpu-worker/model/inspect';
import { modelGrid } from '../../gpu-worker/model/open-model';
import type { FloatDType } from '../../gpu-worker/onnx/graph';
import { EXIT_USAGE } from '../exit-code';
import type { Streams } from '../streams';

export interface InspectOptions {
  readonly width?: number;
  readonly height?: number;
  readonly frames?: number;
  readonly references?: number;
  readonly dtype: FloatDType;
}

/** @returns the exit code. */
export async function runInspect(dir: string, options: InspectOptions, { stdout, stderr }: Streams): Promise<number> {
  const { width, height, frames, references, dtype } = options;
  const report = await inspectModel(dir, {
    input: { width, height, num_frames: frames },
    numReferences: references,
    computeDtype: dtype,
  });
  const lines = [dir, ...report.components.map(componentLine), ...modelLines(report), ...memoryLines(report, dtype)];
  for (const line of lines) stdout.write(`${line}\n`);
  if (report.problems.length === 0) {
    stdout.write('Usable: every graph can be emitted.\n');
    return 0;
  }
  for (const problem of report.problems) stderr.write(`mv2id: ${problem}\n`);
  return EXIT_USAGE;
}

function componentLine({ name, className, parameterCount, stored }: ComponentReport): string {
  const cells = [name.padEnd(14), className.padEnd(22), `${grouped(parameterCount)} parameters`.padStart(26)];
  if (!stored) return `  ${cells.join(' ')}  no readable weights`;
  const more = stored.parameterCount - parameterCount;
  const note = more === 0 ? '' : `  (the files hold ${grouped(Math.abs(more))} ${more > 0 ? 'more' : 'fewer'})`;
  return `  ${cells.join(' ')}  ${stored.dtypes.join(' + ')}  ${byteText(stored.bytes)}${note}`;
}

function modelLines({ model }: ModelReport): string[] {
  if (!model) return [];
  const { conditioning, directory } = model;
  const { defaults, guidance } = conditioning;
  const grid = modelGrid(directory);
  const references =
    conditioning.max_references === 0
      ? 'none (plain text-to-video)'
      : `up to ${conditioning.max_references}, ${conditioning.scheme}, offset ${conditioning.offset}, timestep ${conditioning.reference_timestep}`;
  const rows = [
    ['scheduler', directory.scheduler.className],
    ['references', references],
    ['guidance', guidance.branches.map(({ name }) => name).join(', ')],
    ['text', `${directory.textLength} tokens`],
    ['grid', `width k x ${grid.widthMultiple}, height k x ${grid.heightMultiple}, ${framesText(grid.frameMultiple)}`],
    [
      'defaults',
      `${defaults.width} x ${defaults.height}, ${defaults.num_frames} frames at ${defaults.fps} fps, ${defaults.steps} steps, guidance text ${defaults.guidance.text}, image ${defaults.guidance.image}`,
    ],
  ];
  return rows.map(([name = '', value]) => `  ${name.padEnd(14)} ${value}`);
}

function framesText(multiple: number): string {
  return multiple === 1 ? 'any number of frames' : `frames k x ${multiple} + 1`;
}

function memoryLines({ plan, memory }: ModelReport, dtype: FloatDType): string[] {
  if (!plan || !memory) return [];
  const { width, height, num_frames } = plan.input;
  const phases = memory.phases.map(
    ({ phase, weights, activations }) =>
      `    ${phase.padEnd(18)} ${byteText(weights).padStart(9)} weights  ${byteText(activations).padStart(9)} values`,
  );
  const job = `${width} x ${height}, ${num_frames} frames, ${plan.numReferences} references`;
  return [`  memory in ${dtype}, ${job}: about ${byteText(memory.peak)} at the peak`, ...phases];
}

/** 1418996800 -> "1,418,996,800" */
function grouped(value: number): string {
  return value.toLocaleString('en-US');
}
