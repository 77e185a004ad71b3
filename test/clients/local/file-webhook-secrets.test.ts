import { readdirSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { FileWebhookSecrets } from '../../../clients/local/file-webhook-secrets';
import { LmdbStore } from '../../../clients/local/lmdb-store';
import { describeWebhookSecrets } from '../webhook-secrets.contract';
import { type TemporaryFolder, temporaryFolder } from './temporary-folder';

describeWebhookSecrets('a file', async () => {
  const { folder, remove } = temporaryFolder();
  const store = new LmdbStore(path.join(folder, 'store'));
  const file = path.join(folder, 'webhook-secrets.json');
  return {
    secrets: new FileWebhookSecrets(file, store.change),
    other: new FileWebhookSecrets(file, store.change),
    close: async () => {
      await store.close();
      remove();
    },
  };
});

describe('file of webhook secrets', () => {
  let temporary: TemporaryFolder;
  let store: LmdbStore;
  let file: string;
  let secrets: FileWebhookSecrets;

  beforeEach(() => {
    temporary = temporaryFolder();
    store = new LmdbStore(path.join(temporary.folder, 'store'));
    file = path.join(temporary.folder, 'home', 'webhook-secrets.json');
    secrets = new FileWebhookSecrets(file, store.change);
  });
  afterEach(async () => {
    await store.close();
    temporary.remove();
  });

  test('only the owner may read it, before and after a rotation', async () => {
    await secrets.live();
    expect(statSync(file).mode & 0o777).toBe(0o600);
    await secrets.rotate();
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readdirSync(path.dirname(file))).toEqual(['webhook-secrets.json']);
  });

  test('those who are first at the same moment get one secret', async () => {
    const all = await Promise.all(Array.from({ length: 10 }, () => new FileWebhookSecrets(file, store.change).live()));
    expect(new Set(all.map(([secret]) => secret)).size).toBe(1);
  });

  test.each(['', '{}', '{"secrets":[]}', '{"secrets":["geheim"]}', '{"secrets":["whsec_AAAA"]}'])(
    'a file with %j is refused, and what it holds is not told',
    async (text) => {
      await secrets.live();
      writeFileSync(file, text);
      const refusal = secrets.live();
      await expect(refusal).rejects.toThrow('must be JSON with one or two whsec_ secrets');
      await expect(refusal).rejects.not.toThrow('geheim');
      await expect(secrets.rotate()).rejects.toThrow('must be JSON');
    },
  );
});
