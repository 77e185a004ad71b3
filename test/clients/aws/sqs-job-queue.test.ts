import {
  ChangeMessageVisibilityCommand,
  DeleteMessageBatchCommand,
  MessageNotInflight,
  SendMessageBatchCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { mockClient } from 'aws-sdk-client-mock';
import { SqsJobQueue } from '../../../clients/aws/sqs-job-queue';
import { useEmulatedCredentials } from '../../emulators/emulator';
import { openJobQueue } from '../../emulators/harnesses';
import { type NpmEmulators, startNpmEmulators } from '../../emulators/npm-emulators';
import { describeJobQueue } from '../job-queue.contract';

let emulators: NpmEmulators;
beforeAll(async () => {
  emulators = await startNpmEmulators();
});
afterAll(() => emulators.stop());

// fauxqs drops the group of a message on a standard queue.
describeJobQueue('npm emulators', () => openJobQueue(emulators), { without: ['groups', 'fair-groups'] });

describe('answers that no emulator gives', () => {
  useEmulatedCredentials();
  const client = new SQSClient({ region: 'eu-central-1' });
  const mock = mockClient(client);
  const queue = new SqsJobQueue(
    () => client,
    'https://sqs.example.org/1/jobs',
    async () => {},
  );
  const sent = () => mock.commandCalls(SendMessageBatchCommand).map(({ args }) => args[0].input.Entries ?? []);
  beforeEach(() => {
    mock.reset();
    mock.on(SendMessageBatchCommand).resolves({ Successful: [] });
  });

  test('what SQS could not take is sent again, and only that', async () => {
    const failed = { Id: '1', SenderFault: false, Code: 'InternalError' };
    mock
      .on(SendMessageBatchCommand)
      .resolvesOnce({ Successful: [], Failed: [failed] })
      .resolves({ Successful: [] });
    await queue.send([{ body: 'a' }, { body: 'b' }, { body: 'c' }]);
    expect(sent().map((entries) => entries.map(({ MessageBody }) => MessageBody))).toEqual([['a', 'b', 'c'], ['b']]);
  });

  test('what SQS never takes is an error after four tries', async () => {
    const failed = { Id: '0', SenderFault: false, Code: 'InternalError', Message: 'broken' };
    mock.on(SendMessageBatchCommand).resolves({ Successful: [], Failed: [failed] });
    await expect(queue.send([{ body: 'a' }])).rejects.toThrow('InternalError: broken');
    expect(sent()).toHaveLength(4);
  });

  test('what is our fault is an error at once', async () => {
    const failed = { Id: '0', SenderFault: true, Code: 'InvalidMessageContents' };
    mock.on(SendMessageBatchCommand).resolves({ Successful: [], Failed: [failed] });
    await expect(queue.send([{ body: 'a' }])).rejects.toThrow('InvalidMessageContents');
    expect(sent()).toHaveLength(1);
  });

  test('a batch stays within the entries and the bytes of a request', async () => {
    const large = 'x'.repeat(100 * 1024);
    await queue.send(Array.from({ length: 25 }, (_, i) => ({ body: i < 5 ? large : 'small' })));
    expect(sent().map((entries) => entries.length)).toEqual([2, 2, 10, 10, 1]);
  });

  test('a body has no unit that SQS does not carry, and means the same', async () => {
    const value = { text: 'a\u0001\ufffe\uffff😀\ud83d é日\n\t' };
    await queue.send([{ body: JSON.stringify(value) }]);
    const body = sent()[0]?.[0]?.MessageBody ?? '';
    expect(body).toMatch(/^[\t\n\r\x20-\ud7ff\ue000-\ufffd]*$/);
    expect(JSON.parse(body)).toEqual(value);
  });

  test('a group that SQS takes stays as it is, another is hashed', async () => {
    const host = `${'a.'.repeat(126)}a`;
    await queue.send([{ body: '1', group: 'example.org:8443' }, { body: '2', group: host }, { body: '3' }]);
    expect(sent()[0]?.map(({ MessageGroupId }) => MessageGroupId)).toEqual([
      'example.org:8443',
      expect.stringMatching(/^[0-9a-f]{64}$/),
      undefined,
    ]);
  });

  test('a visibility never goes past twelve hours from when the message was received', async () => {
    mock.on(ChangeMessageVisibilityCommand).resolves({});
    for (const seconds of [0, 42_300, 43_200]) await queue.changeVisibility('receipt', seconds);
    const calls = mock.commandCalls(ChangeMessageVisibilityCommand);
    expect(calls.map(({ args }) => args[0].input.VisibilityTimeout)).toEqual([0, 42_300, 42_300]);
    await expect(queue.changeVisibility('receipt', 43_201)).rejects.toThrow('from 0 to 43200, got 43201.');
  });

  test('a message that nobody works on any more stays as it is', async () => {
    const gone = new MessageNotInflight({ message: 'not in flight', $metadata: {} });
    mock.on(ChangeMessageVisibilityCommand).rejects(gone);
    await queue.changeVisibility('receipt', 10);
    mock.on(ChangeMessageVisibilityCommand).rejects(new Error('broken'));
    await expect(queue.changeVisibility('receipt', 10)).rejects.toThrow('broken');
  });

  test('a receipt that is no longer known deletes nothing; any other failure is an error', async () => {
    const unknown = { Id: '0', SenderFault: true, Code: 'ReceiptHandleIsInvalid' };
    mock.on(DeleteMessageBatchCommand).resolves({ Successful: [], Failed: [unknown] });
    await queue.delete(['receipt']);
    const failed = { Id: '0', SenderFault: true, Code: 'KmsDisabled' };
    mock.on(DeleteMessageBatchCommand).resolves({ Successful: [], Failed: [failed] });
    await expect(queue.delete(['receipt'])).rejects.toThrow('KmsDisabled');
  });
});
