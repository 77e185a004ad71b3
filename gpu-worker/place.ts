/** Where the worker runs: the instance's own file says it. A job without it runs as well, and has no estimated cost. */
import { readFile } from 'node:fs/promises';
import * as env from '../contract/env';
import { fieldErrors } from '../contract/field-error';
import { InstanceSchema } from '../contract/instance';
import type { Claimant } from './attempt';
import type { WorkerLog } from './log';

type Place = Pick<Claimant, 'capacity' | 'instanceType'>;

/** A machine of one's own. */
export const THIS_MACHINE: Place = { capacity: 'local', instanceType: null };
const UNKNOWN: Place = { capacity: null, instanceType: null };

/** @param file of MV2ID_INSTANCE; what is wrong with it is told in the log, and no reason to fail. */
export async function readPlace(file: string | undefined, log: WorkerLog): Promise<Place> {
  if (file === undefined) return UNKNOWN;
  try {
    const value: unknown = JSON.parse(await readFile(file, 'utf8'));
    const errors = fieldErrors(InstanceSchema, value, env.INSTANCE);
    if (errors.length > 0) throw new Error(errors.map(({ message }) => message).join(' '));
    const { capacity, instance_type: instanceType } = InstanceSchema.parse(value);
    return { capacity, instanceType };
  } catch (error) {
    log('The cost of this attempt is not estimated', { [env.INSTANCE]: String(error) });
    return UNKNOWN;
  }
}
