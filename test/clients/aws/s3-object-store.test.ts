import { openObjectStore } from '../../emulators/harnesses';
import { type NpmEmulators, startNpmEmulators } from '../../emulators/npm-emulators';
import { describeObjectStore } from '../object-store.contract';

let emulators: NpmEmulators;
beforeAll(async () => {
  emulators = await startNpmEmulators();
});
afterAll(() => emulators.stop());

describeObjectStore('npm emulators', () => openObjectStore(emulators));
