import { openJobQueue } from '../../emulators/harnesses';
import { type NpmEmulators, startNpmEmulators } from '../../emulators/npm-emulators';
import { describeJobQueue } from '../job-queue.contract';

let emulators: NpmEmulators;
beforeAll(async () => {
  emulators = await startNpmEmulators();
});
afterAll(() => emulators.stop());

describeJobQueue('npm emulators', () => openJobQueue(emulators));
