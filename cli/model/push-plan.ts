/** What is to be done so that the models bucket holds a model, and nothing of another one under its name. */
import type { FileInParts } from '../../clients/file-parts';
import type { Ports } from '../../clients/ports';
import { MODEL_HASHES_FILE_NAME, MODEL_INDEX_FILE_NAME, modelKey } from '../../contract/keys';

export interface CutModelFile extends FileInParts {
  /** Inside the model, with slashes. */
  readonly path: string;
}

export interface PushPlan {
  readonly model: string;
  readonly toSend: readonly CutModelFile[];
  /** Are there already, with the same content. */
  readonly present: readonly CutModelFile[];
  /** Paths of what is there and is not the model's. */
  readonly toRemove: readonly string[];
  /** Content of sha256.json. */
  readonly hashes: string;
  readonly sendsHashes: boolean;
  /** Another model of this name is there, whole. Its index is to be removed first. */
  readonly replaces: boolean;
}

type ModelPorts = Pick<Ports, 'buckets' | 'modelFiles'>;

export async function planPush(ports: ModelPorts, model: string, files: readonly CutModelFile[]): Promise<PushPlan> {
  const sizes = await listedSizes(ports, model);
  const isHeld = new Map<CutModelFile, boolean>();
  for (const file of files) {
    const mayBe = sizes.get(file.path) === file.size;
    isHeld.set(file, mayBe && (await ports.modelFiles.holds(modelKey(model, file.path), file)));
  }
  const differing = files.filter((file) => !isHeld.get(file));
  const own = new Set([MODEL_HASHES_FILE_NAME, ...files.map(({ path }) => path)]);
  const toRemove = [...sizes.keys()].filter((path) => !own.has(path));
  const hashes = hashesOf(files);
  const replaces = sizes.has(MODEL_INDEX_FILE_NAME) && differing.length + toRemove.length > 0;
  const mustSend = (file: CutModelFile) => !isHeld.get(file) || (replaces && isIndex(file));
  return {
    model,
    toSend: files.filter(mustSend),
    present: files.filter((file) => !mustSend(file)),
    toRemove,
    hashes,
    sendsHashes: !(await hasText(ports, modelKey(model, MODEL_HASHES_FILE_NAME), hashes)),
    replaces,
  };
}

/** The file without which a model is none. */
export function isIndex({ path }: CutModelFile): boolean {
  return path === MODEL_INDEX_FILE_NAME;
}

/** By path inside the model. */
async function listedSizes({ buckets }: ModelPorts, model: string): Promise<Map<string, number>> {
  const prefix = modelKey(model, '');
  const sizes = new Map<string, number>();
  for await (const { key, size } of buckets.models.list(prefix)) {
    // What consoles make to show a folder.
    if (!(key.endsWith('/') && size === 0)) sizes.set(key.slice(prefix.length), size);
  }
  return sizes;
}

function hashesOf(files: readonly CutModelFile[]): string {
  return `${JSON.stringify(Object.fromEntries(files.map(({ path, sha256 }) => [path, sha256])), null, 2)}\n`;
}

async function hasText({ buckets }: ModelPorts, key: string, text: string): Promise<boolean> {
  const found = await buckets.models.get(key);
  return found !== null && Buffer.from(found.body).equals(Buffer.from(text));
}
