/** Every step against the trajectories that diffusers took (training/parity/scheduler.py wrote them). */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { ModelError } from '../../gpu-worker/errors';
import { createScheduler, type Scheduler } from '../../gpu-worker/scheduler';

interface Trajectory {
  class_name: string;
  config: Record<string, unknown>;
  num_inference_steps: number;
  sigmas: number[];
  timesteps: number[];
  sample: number[];
  steps: { model_output: number[]; sample: number[] }[];
}

const UNIPC = 'UniPCMultistepScheduler';
const FLOW = { prediction_type: 'flow_prediction', use_flow_sigmas: true, flow_shift: 3 };

const trajectories = ['scheduler-unipc', 'scheduler-unipc-variants', 'scheduler-flow-match-euler'].flatMap((name) =>
  (JSON.parse(readFileSync(path.resolve(__dirname, `../fixtures/parity/${name}.json`), 'utf8')) as Trajectory[]).map(
    (trajectory) => [name, trajectory.num_inference_steps, JSON.stringify(trajectory.config), trajectory] as const,
  ),
);

test.each(trajectories)('%s, %d steps, %s', (_name, numInferenceSteps, _config, golden) => {
  const scheduler = createScheduler(golden.class_name, golden.config, numInferenceSteps);
  expect(Float32Array.from(scheduler.timesteps)).toEqual(Float32Array.from(golden.timesteps));
  expectClose(scheduler.sigmas, golden.sigmas, 1e-7);
  let sample = Float32Array.from(golden.sample);
  golden.steps.forEach((step, i) => {
    sample = scheduler.step(Float32Array.from(step.model_output), i, sample) as Float32Array<ArrayBuffer>;
    expectClose(sample, step.sample, 1e-5);
  });
});

test('sigmas and timesteps are those the reference page lists', () => {
  const scheduler = createScheduler(UNIPC, FLOW, 50);
  expect(Array.from(scheduler.sigmas.subarray(0, 3), (sigma) => sigma.toFixed(6))).toEqual([
    '0.999999',
    '0.993250',
    '0.986315',
  ]);
  expect(scheduler.timesteps.slice(0, 4)).toEqual([999, 993, 986, 979]);
  expect(scheduler.timesteps.slice(-3)).toEqual([162, 113, 60]);
});

test.each([UNIPC, 'FlowMatchEulerDiscreteScheduler'])(
  '%s continues from its state as if it had not stopped',
  (className) => {
    const config = className === UNIPC ? FLOW : {};
    const whole = run(createScheduler(className, config, 6), 0, 6, start());
    const first = createScheduler(className, config, 6);
    const half = run(first, 0, 3, start());
    const second = createScheduler(className, config, 6);
    second.restore(structuredClone(first.state()));
    expect(run(second, 3, 6, half)).toEqual(whole);
  },
);

test('a step out of order is refused', () => {
  expect(() => createScheduler(UNIPC, FLOW, 4).step(start(), 1, start())).toThrow('The step must be 0');
});

test('neither argument of a step is changed', () => {
  const output = start();
  const sample = start();
  createScheduler(UNIPC, FLOW, 4).step(output, 0, sample);
  expect([output, sample]).toEqual([start(), start()]);
});

test.each([
  [
    'DDIMScheduler',
    {},
    'scheduler must be one of UniPCMultistepScheduler, FlowMatchEulerDiscreteScheduler, got DDIMScheduler.',
  ],
  [UNIPC, { ...FLOW, prediction_type: 'epsilon' }, 'prediction_type must be "flow_prediction", got "epsilon".'],
  [
    UNIPC,
    { ...FLOW, use_karras_sigmas: true },
    'use_karras_sigmas must be absent, null or false (not supported), got true.',
  ],
  [UNIPC, { ...FLOW, lower_order_final: false }, 'lower_order_final must be true, got false.'],
  ['FlowMatchEulerDiscreteScheduler', { shift: 0 }, 'shift must be more than 0, got 0.'],
])('%s with %j is refused by name', (className, config, message) => {
  expect(() => createScheduler(className, config, 4)).toThrow(ModelError);
  expect(() => createScheduler(className, config, 4)).toThrow(message);
});

function start(): Float32Array {
  return Float32Array.of(0.5, -1.2, 2.1);
}

function run(scheduler: Scheduler, from: number, to: number, sample: Float32Array): Float32Array {
  let current = sample;
  for (let i = from; i < to; i++) current = scheduler.step(current.map(Math.tanh), i, current);
  return current;
}

/** Largest difference, relative to the largest expected value. */
function expectClose(actual: Float32Array, expected: readonly number[], tolerance: number): void {
  const scale = Math.max(...expected.map(Math.abs));
  const worst = Math.max(...expected.map((value, at) => Math.abs(actual[at]! - value)));
  expect(actual).toHaveLength(expected.length);
  expect(worst / scale).toBeLessThan(tolerance);
}
