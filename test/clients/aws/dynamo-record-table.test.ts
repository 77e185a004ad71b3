import { openRecordTable } from '../../emulators/harnesses';
import { type NpmEmulators, startNpmEmulators } from '../../emulators/npm-emulators';
import { describeRecordTable } from '../record-table.contract';

let emulators: NpmEmulators;
beforeAll(async () => {
  emulators = await startNpmEmulators();
});
afterAll(() => emulators.stop());

describeRecordTable('npm emulators', () => openRecordTable(emulators));
