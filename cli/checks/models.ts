/** Whether the models in the bucket can be used, and on which machines: their configs and headers are read, no weight is. */
import { mkdtemp, readFile, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { z } from 'zod';
import type { Ports } from '../../clients/ports';
import { MODEL_HASHES_FILE_NAME } from '../../contract/keys';
import { byteText } from '../../gpu-worker/memory';
import { inspectModel } from '../../gpu-worker/model/inspect';
import type { OpenModel } from '../../gpu-worker/model/open-model';
import type { FloatDType } from '../../gpu-worker/onnx/graph';
import { type StoredModel, storedModels } from '../model/list';
import { fetchSkeleton } from '../model/skeleton';
import { type Finding, look, ok, problem, warning } from './finding';

/** A kind of machine that jobs may get, and the memory that networks find there. */
export interface Room {
  readonly machine: string;
  /** Bytes of one GPU, or of a machine without one. */
  readonly bytes: number;
}

export interface Rooms {
  readonly rooms: readonly Room[];
  /** What workers compute in there. */
  readonly computeDtype: FloatDType;
}

/** Models that can be used, by id. Only while `use` runs: they read from a temporary folder. */
export type UsableModels = ReadonlyMap<string, OpenModel>;

const CHECK = 'model';
const HashesSchema = z.record(z.string(), z.string());

export async function checkModels<T>(
  { buckets, modelFiles }: Pick<Ports, 'buckets' | 'modelFiles'>,
  rooms: Rooms,
  report: (findings: readonly Finding[]) => void,
  use: (models: UsableModels) => Promise<T>,
): Promise<T> {
  const usable = new Map<string, OpenModel>();
  const folder = await realpath(await mkdtemp(path.join(tmpdir(), 'mv2id-check-')));
  try {
    let stored: readonly StoredModel[] = [];
    const listed = await look(CHECK, async () => {
      stored = await storedModels(buckets.models);
      return stored.length > 0 ? [] : [problem(CHECK, 'There is no model: mv2id model push <dir>.')];
    });
    report(listed);
    for (const model of stored) {
      const inspect = async () => {
        const { findings, opened } = await inspectStored(
          { bucket: buckets.models, files: modelFiles },
          model,
          rooms,
          folder,
        );
        if (opened) usable.set(model.id, opened);
        return findings;
      };
      report(await look(CHECK, inspect));
    }
    return await use(usable);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function inspectStored(
  source: Parameters<typeof fetchSkeleton>[0],
  { id, bytes, is_whole, has_hashes }: StoredModel,
  { rooms, computeDtype }: Rooms,
  folder: string,
): Promise<{ findings: Finding[]; opened?: OpenModel | undefined }> {
  if (!is_whole) {
    return {
      findings: [warning(CHECK, `${id} is being brought, or was left half-way: mv2id model push goes on with it.`)],
    };
  }
  const dir = path.join(folder, id);
  const paths = await fetchSkeleton(source, id, dir);
  const { problems, model, memory, plan } = await inspectModel(dir, { computeDtype });
  if (problems.length > 0) {
    return { findings: problems.map((text) => problem(CHECK, text.replaceAll(dir, id))) };
  }
  const hashes = await judgeHashes(id, paths, dir, has_hashes);
  if (hashes) return { findings: [hashes], opened: model };
  const { width, height, num_frames } = plan!.input;
  const job = `${width} x ${height}, ${num_frames} frames`;
  return { findings: [judgeRoom(CHECK, `${id} (${byteText(bytes)}), ${job}`, memory!.peak, rooms)], opened: model };
}

/** Null when workers find what they compare with, and it names every file. */
async function judgeHashes(
  id: string,
  paths: readonly string[],
  dir: string,
  hasHashes: boolean,
): Promise<Finding | null> {
  if (!hasHashes) {
    return warning(
      CHECK,
      `${id} has no ${MODEL_HASHES_FILE_NAME}, so workers cannot tell a damaged file: mv2id model push writes one.`,
    );
  }
  const hashes = HashesSchema.safeParse(parseJson(await readFile(path.join(dir, MODEL_HASHES_FILE_NAME), 'utf8')));
  if (!hashes.success)
    return problem(CHECK, `${id}/${MODEL_HASHES_FILE_NAME} must map paths to SHA-256 hashes: push it again.`);
  const named = new Set([MODEL_HASHES_FILE_NAME, ...Object.keys(hashes.data)]);
  const stray = [...paths.filter((file) => !named.has(file)), ...[...named].filter((file) => !paths.includes(file))];
  if (stray.length === 0) return null;
  return problem(
    CHECK,
    `${id}/${MODEL_HASHES_FILE_NAME} must name the files that are there, got another list (${stray[0]}): push it again.`,
  );
}

/** @param bytes estimate of what the networks need at the peak. */
export function judgeRoom(check: string, what: string, bytes: number, rooms: readonly Room[]): Finding {
  const needs = `${what}: about ${byteText(bytes)} of memory at the peak`;
  if (rooms.length === 0) return warning(check, `${needs}; no machine is known to compare with.`);
  const tooSmall = rooms.filter((room) => room.bytes < bytes).map(roomText);
  if (tooSmall.length === 0) return ok(check, `${needs}, which fits ${rooms.map(roomText).join(', ')}.`);
  const tooMuch = `${needs}, too much for ${tooSmall.join(', ')}`;
  if (tooSmall.length < rooms.length) return warning(check, `${tooMuch}: jobs that get such a machine fail.`);
  return problem(check, `${tooMuch}: take larger machines, or smaller videos.`);
}

function roomText({ machine, bytes }: Room): string {
  return `${machine} (${byteText(bytes)})`;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
