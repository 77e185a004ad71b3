import { CONSENT_TABLE } from '../../../clients/consent-table';
import { DELIVERY_TABLE, ENDPOINT_TABLE } from '../../../clients/delivery-table';
import { ERASED_JOB_TABLE, ERASURE_TABLE } from '../../../clients/erasure-table';
import { JOB_TABLE } from '../../../clients/job-table';
import { parseDeployment } from '../../../contract/deployment';
import { TABLE_INDEXES } from '../../../contract/table';
import { createDeployment, type EmulatedAws, startEmulatedAws } from '../../emulators/aws-deployment';
import { type NpmEmulators, startNpmEmulators } from '../../emulators/npm-emulators';
import { describeAwsPorts } from './aws-ports.contract';

let emulators: NpmEmulators;
beforeAll(async () => {
  emulators = await startNpmEmulators();
});
afterAll(() => emulators.stop());

describeAwsPorts('npm emulators', () => createDeployment(emulators));

test('the table has an index for everything that is looked up, and no other', () => {
  const names = [JOB_TABLE, DELIVERY_TABLE, ENDPOINT_TABLE, CONSENT_TABLE, ERASURE_TABLE, ERASED_JOB_TABLE].flatMap(
    ({ indexes }) => Object.keys(indexes),
  );
  expect([...new Set(names)].sort()).toEqual([...TABLE_INDEXES].sort());
});

test('an emulated deployment crosses a process boundary as JSON', async () => {
  const emulated: EmulatedAws = await startEmulatedAws();
  const text = JSON.stringify(emulated.deployment);
  expect(parseDeployment(JSON.parse(text), 'MV2ID_DEPLOYMENT')).toEqual(emulated.deployment);
  expect(emulated.env).toMatchObject({ AWS_ACCESS_KEY_ID: 'test' });
  expect(emulated.env).not.toHaveProperty('AWS_PROFILE');
  await emulated.stop();
});
