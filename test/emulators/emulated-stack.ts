/** Names that the stack in the emulator and its tests share. */
export const EMULATED_STACK = 'mv2id';
export const EMULATED_BATCH = { jobQueueName: 'local-jobs', jobDefinitionName: 'local-worker' };
