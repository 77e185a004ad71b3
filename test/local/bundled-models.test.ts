import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { copyBundledModels } from '../../local/bundled-models';
import { temporaryHome } from './home';

function writeModel(folder: string, text: string): void {
  mkdirSync(path.join(folder, 'vae'), { recursive: true });
  writeFileSync(path.join(folder, 'model_index.json'), text);
  writeFileSync(path.join(folder, 'vae/config.json'), text);
}

test('models that the bucket lacks are copied whole, others are left alone', async () => {
  const home = temporaryHome();
  const source = path.join(home.folder, 'source');
  const bucket = home.bucket('models');
  writeModel(path.join(source, 'tiny'), 'new');
  writeModel(path.join(source, 'mine'), 'new');
  writeFileSync(path.join(source, 'README.md'), 'no model');
  mkdirSync(path.join(source, 'faces'));
  writeFileSync(path.join(source, 'faces/blazeface.onnx'), 'no model directory');
  writeModel(path.join(bucket, 'mine'), 'my own');
  // What a copy that was killed left.
  writeModel(path.join(bucket, '.mv2id-partial/model-tiny'), 'half');
  writeFileSync(path.join(bucket, '.mv2id-partial/model-tiny/stale'), 'half');

  await copyBundledModels(source, bucket);
  expect(readdirSync(bucket).sort()).toEqual(['.mv2id-partial', 'mine', 'tiny']);
  expect(readdirSync(path.join(bucket, 'tiny')).sort()).toEqual(['model_index.json', 'vae']);
  expect(readFileSync(path.join(bucket, 'tiny/vae/config.json'), 'utf8')).toBe('new');
  expect(readFileSync(path.join(bucket, 'mine/vae/config.json'), 'utf8')).toBe('my own');
});
