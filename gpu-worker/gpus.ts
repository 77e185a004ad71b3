/** What NVIDIA's own tool says of the machine's GPUs. The container's runtime brings the tool, with the driver it belongs to. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

export interface Gpu {
  readonly name: string;
  readonly memory_mib: number;
  readonly driver: string;
  /** 8.9 of an L40S. */
  readonly compute_capability: string;
}

const QUERY = '--query-gpu=name,memory.total,driver_version,compute_cap';
const TIMEOUT_SECONDS = 30;

/**
 * @returns null where there is no such tool: the machine has no driver, or the container was not given it.
 * @throws Error when the tool cannot reach a GPU.
 */
export async function listGpus(tool = 'nvidia-smi'): Promise<Gpu[] | null> {
  try {
    const options = { timeout: TIMEOUT_SECONDS * 1000 };
    const { stdout } = await promisify(execFile)(tool, [QUERY, '--format=csv,noheader,nounits'], options);
    return stdout.trim().split('\n').map(parseGpu);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    const { stdout = '', message } = error as Error & { stdout?: string };
    const told = (stdout.trim() || message).replaceAll(/\s+/g, ' ');
    throw new Error(`${tool} must list the GPUs, got: ${told}`, { cause: error });
  }
}

function parseGpu(line: string): Gpu {
  const [name, memory, driver, capability] = line.split(',').map((field) => field.trim());
  if (!name || !driver || !capability)
    throw new Error(`A GPU must have a name, a driver and a capability, got "${line}".`);
  return { name, memory_mib: Number(memory), driver, compute_capability: capability };
}
