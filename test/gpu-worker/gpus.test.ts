/** NVIDIA's tool, played by a shell script that prints what the tool prints. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { listGpus } from '../../gpu-worker/gpus';

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'mv2id-gpus-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function tool(script: string): string {
  const file = path.join(folder, 'nvidia-smi');
  writeFileSync(file, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return file;
}

test('each GPU has its name, memory, driver and capability', async () => {
  const script = `[ "$*" = "--query-gpu=name,memory.total,driver_version,compute_cap --format=csv,noheader,nounits" ] || exit 9
    echo 'NVIDIA L40S, 46068, 580.178.04, 8.9'
    echo 'NVIDIA H100 80GB HBM3, 81559, 580.178.04, 9.0'`;
  expect(await listGpus(tool(script))).toEqual([
    { name: 'NVIDIA L40S', memory_mib: 46068, driver: '580.178.04', compute_capability: '8.9' },
    { name: 'NVIDIA H100 80GB HBM3', memory_mib: 81559, driver: '580.178.04', compute_capability: '9.0' },
  ]);
});

test('a machine without the tool has none to tell of', async () => {
  expect(await listGpus(path.join(folder, 'nowhere'))).toBeNull();
});

test('a driver that is gone is told in its own words', async () => {
  const script = "echo 'Failed to initialize NVML: Driver/library version mismatch'; exit 18";
  await expect(listGpus(tool(script))).rejects.toThrow(
    /nvidia-smi must list the GPUs, got: Failed to initialize NVML: Driver\/library version mismatch$/,
  );
});

test('an answer that is no list is refused', async () => {
  await expect(listGpus(tool("echo 'No devices were found'"))).rejects.toThrow(/got "No devices were found"\.$/);
});
