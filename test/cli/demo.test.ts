/** `npm start` as a newcomer runs it: a process of its own, with the bundled model, in a folder of its own. */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { JobSchema } from '../../contract/job';
import { ReportSchema } from '../../contract/report';

const COMMAND = path.resolve(__dirname, '../../bin/mv2id.js');
const FILES = ['job.json', 'poster.jpg', 'report.html', 'report.json', 'video.mp4'];
const REFERENCES = ['1-yaw-060.png', '2-yaw+000.png', '3-yaw+060.png'];

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'mv2id-demo-test-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

interface Ended {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Its deployment lies in `folder`, too, so that what stays behind is seen. */
function demo(onError: (stderr: string, interrupt: () => void) => void = () => {}): Promise<Ended> {
  const args = [COMMAND, 'demo', '--out', path.join(folder, 'out')];
  const child = spawn(process.execPath, args, { env: { ...process.env, TMPDIR: folder } });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (data: Buffer) => {
    stdout += data;
  });
  child.stderr.on('data', (data: Buffer) => {
    stderr += data;
    onError(stderr, () => child.kill('SIGINT'));
  });
  return new Promise((resolve) => child.on('close', (exitCode) => resolve({ exitCode, stdout, stderr })));
}

function left(): string[] {
  return readdirSync(folder).filter((name) => name.startsWith('mv2id-demo-'));
}

test('it makes the video, receives the webhooks, and leaves nothing but the results', async () => {
  const { exitCode, stdout, stderr } = await demo();
  expect(stderr).toContain('Webhook job.started: signature verified.');
  expect(stderr).toContain('Webhook job.succeeded: signature verified.');
  expect(stdout).toMatch(/^\d+ webhooks received, every signature verified\.$/m);
  expect(stdout).toMatch(/ in all\.\n$/);
  expect(exitCode).toBe(0);

  const out = path.join(folder, 'out');
  expect(readdirSync(out).sort()).toEqual([...FILES, 'references'].sort());
  expect(readdirSync(path.join(out, 'references')).sort()).toEqual(REFERENCES);
  const job = JobSchema.parse(JSON.parse(readFileSync(path.join(out, 'job.json'), 'utf8')));
  expect(job.status).toBe('succeeded');
  expect(stderr).toContain(job.id);
  const report = ReportSchema.parse(JSON.parse(readFileSync(path.join(out, 'report.json'), 'utf8')));
  expect(report.job_id).toBe(job.id);
  // The faces of the example are found, and its video is of that person rather than of another.
  expect(report.faces?.references.map(({ faces }) => faces)).toEqual([1, 1, 1]);
  expect(report.faces?.outputs[0]?.identity.normalised).toBeGreaterThan(0.2);
  const page = readFileSync(path.join(out, 'report.html'), 'utf8');
  expect(page).toContain(readFileSync(path.join(out, 'video.mp4')).toString('base64'));
  for (const file of FILES) expect(stdout).toContain(`${path.relative(process.cwd(), path.join(out, file))}  `);
  expect(left()).toEqual([]);
});

test('Ctrl-C ends it in order: no worker, no folder, no result stays', async () => {
  let isInterrupted = false;
  const { exitCode, stderr } = await demo((text, interrupt) => {
    if (isInterrupted || !text.includes('Generating')) return;
    isInterrupted = true;
    interrupt();
  });
  expect(stderr).toContain('Stopping (again: at once) ...');
  expect(exitCode).toBe(130);
  expect(left()).toEqual([]);
  expect(existsSync(path.join(folder, 'out'))).toBe(false);
});
