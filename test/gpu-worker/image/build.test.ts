/**
 * The container's program, built as its Dockerfile builds it and run as the container runs it: one file and its own packages, in a
 * folder that has nothing else of the repository. Only lmdb comes from the repository: the folder that plays AWS here keeps its
 * tables in it.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Metafile } from 'esbuild';
import * as env from '../../../contract/env';
import { isUnsettled, type JobRecord } from '../../../contract/job-record';
import { resultKey, uploadKey } from '../../../contract/keys';
import { type Report, ReportSchema } from '../../../contract/report';
import { buildWorker, NATIVE_PACKAGES } from '../../../gpu-worker/image/build';
import { type RunningDeployment, startDeployment } from '../../../local/deployment';
import { WorkerProcesses } from '../../../local/worker-process';
import packageLock from '../../../package-lock.json';
import { startEmulatedAws } from '../../emulators/aws-deployment';
import { temporaryHome, until } from '../../local/home';
import { writeRandomModel } from '../../random-model';
import { manifest, writeReferenceSet } from '../../reference-set';
import { WorkerHome } from '../worker-home';

const REPOSITORY = path.resolve(__dirname, '../../..');
const SILENT = { info: () => {}, warn: () => {}, error: () => {} };
const TENANT = 'studio';
/** Enough that a job still runs when it is reclaimed. */
const STEPS = 100;
/** An image is pulled by every instance that starts. */
const MAX_APP_BYTES = 170e6;

let folder: string;
let app: string;
let metafile: Metafile;

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'mv2id-image-'));
  app = path.join(folder, 'app');
  metafile = await buildWorker(app);
});
afterAll(() => rmSync(folder, { recursive: true }));

/** As the image starts it: none of our variables but those given. */
function runApp(args: readonly string[], environment: Record<string, string> = {}) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [path.join(app, 'worker.js'), ...args], {
    cwd: '/',
    env: { PATH: process.env.PATH, TMPDIR: folder, ...environment },
    encoding: 'utf8',
  });
  const lines = stdout.split('\n').filter((line) => line !== '');
  return { status, results: lines.map((line) => JSON.parse(line) as Record<string, unknown>), stderr };
}

describe('what is built', () => {
  test('one file holds everything but the native packages and the face models', () => {
    expect(readdirSync(app).sort()).toEqual([
      ...['models', 'node_modules', 'package.json', 'worker.js', 'worker.js.LEGAL.txt'],
    ]);
    const imported = Object.values(metafile.outputs)
      .flatMap(({ imports }) => imports.map(({ path: name }) => name))
      .filter((name) => !isBuiltin(name));
    // The last is never reached on AWS: the tables of a local deployment.
    expect([...new Set(imported)].sort()).toEqual([...NATIVE_PACKAGES, 'lmdb'].sort());
  });

  test('it holds no stage of a Lambda, no command, and nothing of the CDK', () => {
    const inputs = Object.keys(metafile.inputs);
    expect(inputs.filter((file) => /^(lambdas|cli|local|infra|test|training)\//.test(file))).toEqual([]);
    expect(
      inputs.filter((file) => /node_modules\/(aws-cdk|constructs|jest|tsx|esbuild|hono|commander)/.test(file)),
    ).toEqual([]);
  });

  test("the image's build is given every file of ours that goes in", () => {
    const ignore = readFileSync(path.join(REPOSITORY, 'gpu-worker/Dockerfile.dockerignore'), 'utf8').split('\n');
    const given = ignore.filter((line) => line.startsWith('!')).map((line) => line.slice(1));
    const sources = Object.keys(metafile.inputs).filter((file) => !file.startsWith('node_modules/'));
    sources.push('models/faces');
    expect(sources.filter((file) => !given.some((name) => file === name || file.startsWith(`${name}/`)))).toEqual([]);
  });

  test('the packages beside it have the versions of the lockfile, and nothing beside them', () => {
    const { dependencies } = JSON.parse(readFileSync(path.join(app, 'package.json'), 'utf8'));
    const locked: Record<string, { version: string }> = packageLock.packages;
    for (const [name, version] of Object.entries(dependencies)) {
      expect([name, version]).toEqual([name, locked[`node_modules/${name}`]?.version]);
    }
    expect(installed()).toEqual(Object.keys(dependencies).sort());
    expect(dependencies).toMatchObject({ sharp: expect.any(String), 'onnxruntime-common': expect.any(String) });
  });

  test('the face models are all there, with the file that names their origins and licences', () => {
    const there = readdirSync(path.join(app, 'models/faces'));
    expect(there).toEqual(readdirSync(path.join(REPOSITORY, 'models/faces')));
    expect(there).toEqual(expect.arrayContaining(['README.md', 'blazeface.onnx', 'faceres.onnx']));
  });

  test('the program finds them beside itself, unless a variable says where they are', () => {
    const script = `require(process.argv[1]); console.log(process.env.${env.FACE_MODELS})`;
    const folderOf = (variables: Record<string, string>) =>
      spawnSync(process.execPath, ['-e', script, path.join(app, 'worker.js'), 'no-command'], {
        env: variables,
        encoding: 'utf8',
      }).stdout;
    expect(folderOf({})).toBe(`${path.join(app, 'models/faces')}\n`);
    expect(folderOf({ [env.FACE_MODELS]: '/elsewhere' })).toBe('/elsewhere\n');
  });

  test('it is small: no other platform, no installer', () => {
    const files = readdirSync(app, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    const bytes = files.reduce((sum, entry) => sum + statSync(path.join(entry.parentPath, entry.name)).size, 0);
    expect(bytes).toBeLessThan(MAX_APP_BYTES);
    const names = files.map((entry) => path.join(entry.parentPath, entry.name));
    expect(names.filter((name) => /darwin|win32|\.dll$|\.dylib$|onnxruntime-node\/script/.test(name))).toEqual([]);
  });
});

describe('the start-up check', () => {
  test('passes on the CPU, and tells what it ran with', () => {
    const cache = path.join(folder, 'cache');
    const { status, results, stderr } = runApp(['check'], { [env.PROVIDER]: 'cpu', [env.MODEL_CACHE]: cache });
    expect({ status, stderr, failed: results.filter(({ ok }) => !ok) }).toEqual({ status: 0, stderr: '', failed: [] });
    const locked: Record<string, { version: string }> = packageLock.packages;
    expect(results.find(({ check }) => check === 'versions')).toMatchObject({
      node: process.versions.node,
      onnxruntime: locked['node_modules/onnxruntime-node']?.version,
      webcodecs: locked['node_modules/@napi-rs/webcodecs']?.version,
    });
    expect(results.find(({ check }) => check === 'provider')).toMatchObject({
      provider: 'cpu',
      loaded: [expect.stringContaining(path.join(app, 'node_modules/onnxruntime-node'))],
    });
    expect(results.find(({ check }) => check === 'cache')).toMatchObject({ folder: cache });
  });

  test('fails for a GPU that is not there, with a sentence for what is missing', () => {
    const { status, results } = runApp(['check'], { [env.PROVIDER]: 'cuda' });
    expect(status).toBe(70);
    expect(results.filter(({ ok }) => !ok)).toEqual([
      { check: 'cuda_libraries', ok: false, error: expect.stringMatching(/^The runtime must have its CUDA provider /) },
      { check: 'provider', ok: false, error: expect.stringMatching(/^provider check failed to load on cuda: /) },
    ]);
  });

  test('a wrong command or environment says so', () => {
    expect(runApp(['chekc'])).toEqual({
      status: 64,
      results: [],
      stderr: 'The command must be check, or none to run a job, got chekc.\n',
    });
    expect(runApp(['check'], { [env.PROVIDER]: 'tpu' })).toEqual({
      status: 70,
      results: [],
      stderr: 'MV2ID_PROVIDER must be one of cpu, cuda, webgpu, got tpu.\n',
    });
    const { status, stderr } = runApp([]);
    expect(status).toBe(70);
    expect(JSON.parse(stderr)).toMatchObject({ error: 'Error: MV2ID_DEPLOYMENT must be set, got nothing.' });
  });
});

describe('in the place of the worker', () => {
  let running: RunningDeployment;

  beforeAll(async () => {
    process.env.NODE_PATH = path.join(REPOSITORY, 'node_modules');
    process.env[env.CHECKPOINT_SECONDS] = '0';
    const home = temporaryHome();
    mkdirSync(home.bucket('models'), { recursive: true });
    writeRandomModel(path.join(home.bucket('models'), 'random'));
    const program = path.join(app, 'worker.js');
    running = await startDeployment({
      home: home.folder,
      page: { port: 0 },
      log: SILENT,
      runner: () => new WorkerProcesses({ home, provider: 'cpu', threads: 1, program }),
    });
  });
  afterAll(async () => {
    delete process.env.NODE_PATH;
    delete process.env[env.CHECKPOINT_SECONDS];
    await running.stop();
  });

  const jobWhen = (set: string, is: (record: JobRecord) => boolean): Promise<JobRecord> =>
    until(async () => {
      const [record] = (await running.ports.jobs.query('by_set', `${TENANT}/${set}`)).records;
      if (record?.job.status === 'failed') throw new Error(JSON.stringify(record.job.error));
      return record !== undefined && is(record) && record;
    });
  const hasSucceeded = (record: JobRecord) => {
    const { status, attempts } = record.job;
    return status === 'succeeded' && attempts.every(({ stopped_at }) => stopped_at !== null) && !isUnsettled(record);
  };

  async function upload(set: string): Promise<void> {
    const { uploads } = running.ports.buckets;
    const images = await writeReferenceSet(path.join(folder, set));
    for (const file of ['front.png', 'side.png']) {
      await uploads.put(uploadKey(TENANT, set, file), { file: path.join(images, file) });
    }
    await uploads.put(uploadKey(TENANT, set, 'job.json'), JSON.stringify(manifest({ steps: STEPS })));
  }

  async function report({ id }: JobRecord): Promise<Report> {
    const object = await running.ports.buckets.results.get(resultKey(id, 'report.json'));
    return ReportSchema.parse(JSON.parse(Buffer.from(object!.body).toString('utf8')));
  }

  test('it runs jobs of the queue; one that a Spot reclaim stopped with 75 goes on from its checkpoint to the same end', async () => {
    await upload('whole');
    const whole = await jobWhen('whole', hasSucceeded);

    await upload('broken');
    const processing = await jobWhen('broken', ({ job }) => job.progress.step >= 1);
    running.scheduler.reclaim(processing.batch_job_id!);
    const broken = await jobWhen('broken', hasSucceeded);
    expect(broken.job.attempts.map(({ number }) => number)).toEqual([1, 2]);
    expect(broken.job.attempts[0]?.reason).toMatch(/exit code 75$/);
    expect(broken.job.output.map(({ key }) => path.basename(key))).toContain('video.mp4');
    const { resumed_from_step, outputs, faces } = await report(broken);
    expect(resumed_from_step).toBeGreaterThan(0);
    expect(faces).not.toBeNull();
    // The files name their jobs, so it is what was generated that is the same.
    expect(outputs[0]?.latents_sha256).toBe((await report(whole)).outputs[0]?.latents_sha256);
  });
});

test('on AWS it needs nothing but its own folder: a job from the buckets and the table of an emulator, back to them', async () => {
  const aws = await startEmulatedAws();
  const home = await WorkerHome.open(aws.deployment);
  try {
    const id = await home.addJob();
    const { exit } = await home.spawn(id, { ...aws.env, NODE_PATH: '' }, () => {}, path.join(app, 'worker.js'));
    expect(exit).toBe(0);
    expect(await home.job(id)).toMatchObject({ status: 'succeeded', error: null });
    expect(await home.results(id)).toEqual(expect.arrayContaining(['job.json', 'report.json', 'video.mp4']));
  } finally {
    await home.close();
    await aws.stop();
  }
});

/** Names of the packages in the app's node_modules. */
function installed(): string[] {
  const modules = path.join(app, 'node_modules');
  return readdirSync(modules)
    .flatMap((name) =>
      name.startsWith('@') ? readdirSync(path.join(modules, name)).map((rest) => `${name}/${rest}`) : [name],
    )
    .sort();
}
