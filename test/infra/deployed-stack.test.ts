/**
 * The stack on an emulator, from `cdk deploy` to the webhook: see test/emulators/deployed-flow.ts. It needs Python 3.10 and PyPI
 * besides npm; where there is none, the name of the test says so.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { findMinistack } from '../emulators/find-ministack';

const FLOW = path.resolve(__dirname, '../emulators/deployed-flow.ts');
/** The emulator speaks TLS, because the stack lets nobody in without. Node reads this variable when it starts. */
const CERTIFICATE = path.resolve(__dirname, '../fixtures/emulators/emulator.cert.pem');

const ministack = findMinistack();

if ('reason' in ministack) {
  test.skip(`NOT RUN: the deployed stack. ${ministack.reason}`, () => {});
} else {
  test('the deployed stack takes a set from its upload to the webhook', async () => {
    const env = { ...process.env, NODE_EXTRA_CA_CERTS: CERTIFICATE, CDK_VALIDATION: 'false' };
    const child = spawn(process.execPath, ['--import', 'tsx', FLOW, ministack.executable], { env, stdio: 'pipe' });
    const [output, errors, [exitCode]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'close'),
    ]);
    expect({ exitCode, errors }).toEqual({ exitCode: 0, errors: '' });
    expect(output.match(/^Shown: .*$/gm)).toEqual([
      'Shown: cdk deploy: the stack stands.',
      'Shown: the model is in the bucket.',
      expect.stringMatching(/^Shown: job\.json became a video: jobs\/.*\/video\.mp4/),
      'Shown: its webhooks came through the public network of the functions, and verify.',
      'Shown: a set without consent was rejected, and its webhook said so.',
      'Shown: a deleted job.json canceled its job.',
      'Shown: reconcile found nothing lost, with what its role may do.',
      'Shown: erase left nothing of the tenant, old versions included, and reconcile agrees.',
      'Shown: no message was given up.',
    ]);
  }, 300_000);
}
