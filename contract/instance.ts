/**
 * What a worker learns of the instance it runs on. The instance's start script writes it as a JSON file, because a container of ours
 * cannot ask the instance metadata service; the variable MV2ID_INSTANCE names the file.
 */
import { z } from 'zod';

export const InstanceSchema = z.looseObject({
  /** Of EC2: `g6e.2xlarge`. */
  instance_type: z.string().min(1),
  capacity: z.enum(['spot', 'on_demand']),
  region: z.string().min(1).optional(),
  availability_zone: z.string().min(1).optional(),
});
export type Instance = z.output<typeof InstanceSchema>;
