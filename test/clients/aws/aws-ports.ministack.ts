/**
 * The contract suites against ministack, which shows what the npm emulators cannot: conditional writes, groups, Secrets Manager,
 * and every service behind one endpoint. `npm run test:emulators` runs this file; see docs/emulators.md.
 */
import { createDeployment } from '../../emulators/aws-deployment';
import type { Emulator } from '../../emulators/emulator';
import { openJobQueue, openObjectStore, openRecordTable, openWebhookSecrets } from '../../emulators/harnesses';
import { startMinistack } from '../../emulators/ministack';
import { describeJobQueue } from '../job-queue.contract';
import { describeObjectStore } from '../object-store.contract';
import { describeRecordTable } from '../record-table.contract';
import { describeWebhookSecrets } from '../webhook-secrets.contract';
import { describeAwsPorts } from './aws-ports.contract';

const executable = process.env.MV2ID_MINISTACK;
if (!executable) throw new Error('MV2ID_MINISTACK must be the path of the ministack executable, got nothing.');

let emulator: Emulator;
beforeAll(async () => {
  emulator = await startMinistack(executable);
});
afterAll(() => emulator.stop());

describeObjectStore('ministack', () => openObjectStore(emulator));
describeRecordTable('ministack', () => openRecordTable(emulator));
// It keeps groups, but serves messages in their order whosever they are.
describeJobQueue('ministack', () => openJobQueue(emulator), { without: ['fair-groups'] });
describeWebhookSecrets('ministack', () => openWebhookSecrets(emulator));
describeAwsPorts('ministack', () => createDeployment(emulator));
