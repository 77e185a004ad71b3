/** A process that fetches a model: `fetch-model.ts <bucket folder> <model> <cache folder> [hang]`; prints what it got. */
import { FolderObjectStore } from '../../clients/local/folder-object-store';
import { fetchModel } from '../../gpu-worker/model-cache';

async function run([folder, model, cacheFolder, mode]: string[]): Promise<void> {
  const store = await FolderObjectStore.open(folder!, { exclusively: async (work) => work() });
  const bucket = {
    list: (prefix: string) => store.list(prefix),
    async download(key: string, file: string) {
      const info = await store.download(key, file);
      // Told when a file is there and others are not.
      process.stdout.write('downloaded\n');
      if (mode === 'hang') await new Promise(() => setInterval(() => {}, 1_000));
      return info;
    },
  };
  process.stdout.write(`${JSON.stringify(await fetchModel({ bucket, model: model!, cacheFolder: cacheFolder! }))}\n`);
}

void run(process.argv.slice(2));
