/** How known embedders are fed. `faceres` comes with the program; the others are a user's own files under their licences. */
import type { EmbedderSettings } from './embedder';
import { faceModelFile } from './face-models';

type Preset = Omit<EmbedderSettings, 'path' | 'sha256'>;

/**
 * InsightFace's arcface_onnx: RGB, -1..1. Files that came from MXNet subtract and divide by themselves: for those, mean 0 and std 1.
 * The mirrored face is ours in all presets; the projects themselves read the face once.
 */
const ARCFACE = {
  size: 112,
  layout: 'nchw',
  order: 'rgb',
  mean: 127.5,
  std: 127.5,
  template: 'arcface5',
  zoom: 1,
  dy: 0,
  flip: true,
  arcface: true,
  // Estimates for ResNet-100 ArcFace models: calibrate on your own people.
  thresholds: { same: 0.35, different: 0.25 },
  impostor: 0,
} as const satisfies Omit<Preset, 'id'>;

export const EMBEDDER_PRESETS = {
  /** HSE_FaceRec_tf's ResNet-50: BGR, the means of Caffe's ImageNet models (its own preprocessing). */
  faceres: {
    id: 'faceres',
    size: 224,
    layout: 'nchw',
    order: 'bgr',
    mean: [103.939, 116.779, 123.68],
    std: 1,
    template: 'arcface5',
    zoom: 1.2,
    dy: 0,
    flip: true,
    arcface: false,
    thresholds: { same: 0.64, different: 0.56 },
    impostor: 0.418,
  },
  /** fal/AuraFace-v1, glintr100.onnx (Apache-2.0). */
  auraface: { id: 'auraface', ...ARCFACE },
  /** The recognition model of an InsightFace pack: w600k_r50.onnx of buffalo_l, glintr100.onnx of antelopev2. */
  insightface: { id: 'insightface', ...ARCFACE },
  /** OpenCV Zoo's face_recognition_sface (Apache-2.0): RGB, 0..255. */
  sface: {
    id: 'sface',
    size: 112,
    layout: 'nchw',
    order: 'rgb',
    mean: 0,
    std: 1,
    template: 'arcface5',
    zoom: 1,
    dy: 0,
    flip: true,
    arcface: false,
    // OpenCV's own threshold for "the same person"; the other is an estimate.
    thresholds: { same: 0.363, different: 0.28 },
    impostor: 0,
  },
} as const satisfies Record<string, Preset>;

export type EmbedderPreset = keyof typeof EMBEDDER_PRESETS;

export function builtInEmbedder(): EmbedderSettings {
  return { ...EMBEDDER_PRESETS.faceres, mean: [...EMBEDDER_PRESETS.faceres.mean], path: faceModelFile('faceres') };
}
