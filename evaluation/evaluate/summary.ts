/** What a method scores over its cases. */
import { mean } from '../metrics/mean';
import { bootstrapInterval, type Interval } from './bootstrap';
import type { VideoFigures } from './evaluate-video';

type Figure = (figures: VideoFigures) => number | null;

/** Every figure of a video that is averaged, in the order of all tables. What is experimental has no proof behind it yet. */
export const FIGURES = {
  identity_mean: ({ identity }) => identity.mean,
  identity_max: ({ identity }) => identity.max,
  identity_normalised: ({ identity }) => identity.normalised,
  faceless_share: ({ coverage }) => (coverage.frames === 0 ? null : coverage.frames_without_face / coverage.frames),
  beyond_30_share: ({ coverage }) => coverage.beyond_30_share,
  beyond_60_share: ({ coverage }) => coverage.beyond_60_share,
  beyond_references_share: ({ coverage }) => coverage.beyond_references_share,
  near_duplicate_share: ({ experimental }) => experimental.near_duplicate_share,
  correlation: ({ experimental }) => experimental.correlation,
  correlation_excess: ({ correlationExcess }) => correlationExcess,
  yaw_jumps_per_second: ({ experimental }) => experimental.yaw_jumps_per_second,
  identity_breaks_per_second: ({ experimental }) => experimental.identity_breaks_per_second,
  yaw_acceleration_rms: ({ experimental }) => experimental.yaw_acceleration_rms,
} as const satisfies Record<string, Figure>;
export type FigureName = keyof typeof FIGURES;
export const FIGURE_NAMES = Object.keys(FIGURES) as FigureName[];

export interface MeanOverCases {
  readonly mean: number;
  /** 95 %; null of a single case. */
  readonly interval: Interval | null;
  /** In which it is known. */
  readonly numCases: number;
}

/** @param videos of one method, one a case; null where there are no figures. Null where no case has that figure. */
export function summarise(videos: readonly (VideoFigures | null)[]): Record<FigureName, MeanOverCases | null> {
  const entries = FIGURE_NAMES.map((name) => {
    const values = videos.flatMap((figures) => (figures && FIGURES[name](figures)) ?? []);
    const average = mean(values);
    return [
      name,
      average === null ? null : { mean: average, interval: bootstrapInterval(values), numCases: values.length },
    ];
  });
  return Object.fromEntries(entries) as Record<FigureName, MeanOverCases | null>;
}
