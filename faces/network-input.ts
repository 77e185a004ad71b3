/** How a picture becomes what a network reads: the settings of that, and the numbers. */
import { z } from 'zod';
import type { Pixels } from './pixels';

export const Sha256Schema = z
  .string()
  .regex(/^[0-9a-f]{64}$/)
  .meta({ rule: '64 lower-case hexadecimal digits' });

const perChannel = (number: z.ZodNumber, rule: string) =>
  z.union([number, z.tuple([number, number, number])]).meta({ rule: `${rule}, or a list of three` });

/** (value - mean) / std, of values 0..255 in that order of channels. */
export const INPUT_SETTINGS = {
  layout: z.enum(['nchw', 'nhwc']),
  order: z.enum(['rgb', 'bgr']),
  mean: perChannel(z.number(), 'a number'),
  std: perChannel(z.number().positive(), 'a number above 0'),
};

type PerChannel = number | readonly [number, number, number];

export interface InputSettings {
  readonly layout: 'nchw' | 'nhwc';
  readonly order: 'rgb' | 'bgr';
  readonly mean: PerChannel;
  readonly std: PerChannel;
}

/** @param mirrored left for right. @returns float32 of one picture, with its dims: [1, 3, height, width] or [1, height, width, 3]. */
export function networkInput({ data, width, height }: Pixels, settings: InputSettings, mirrored = false) {
  const { layout, order, mean, std } = settings;
  const area = width * height;
  const input = new Float32Array(3 * area);
  for (let channel = 0; channel < 3; channel++) {
    const source = order === 'rgb' ? channel : 2 - channel;
    const [m, s] = [ofChannel(mean, channel), ofChannel(std, channel)];
    for (let at = 0; at < area; at++) {
      const column = at % width;
      const from = mirrored ? at - column + (width - 1 - column) : at;
      input[layout === 'nchw' ? channel * area + at : 3 * at + channel] = (data[3 * from + source]! - m) / s;
    }
  }
  return { dims: layout === 'nchw' ? [1, 3, height, width] : [1, height, width, 3], data: input };
}

function ofChannel(setting: PerChannel, channel: number): number {
  return typeof setting === 'number' ? setting : setting[channel]!;
}
