"""From tracks to clips: the stretches of a track that become clips, where they are cut out, and why the others are not kept."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from training.curate.coverage import bins, spread_views
from training.curate.track import Track

# Every way not to be kept, in the order in which they are asked.
REASONS = {
    "track too short": "the face is in view for less than a clip",
    "face too small": "faces.min_width: the face has too few pixels",
    "face lost": "faces.min_presence: the detector misses the face too often",
    "pose unsure": "faces.min_posed: too few frames have a pose",
    "head out of frame": "faces.edge_tolerance: the head is cut off by the frame",
    "another person": "another face is in the picture that would be cut out",
    "blurred": "faces.min_sharpness: the face is not sharp",
    "too little coverage": "coverage.min_bins, coverage.min_yaw_range: the head hardly turns",
    "too few distinct views": "references: not enough views that differ by references.min_gap_degrees",
    "bad matte": "matte: the person could not be cut out",
}
MIN_DETECTIONS = 3  # a face seen less often is taken for a false alarm
# How far a head reaches beyond its face's box, in face widths: to the sides, above, below.
HEAD_REACH = (0.25, 0.5, 0.15)


@dataclass
class Segment:
    """A stretch of one track, kept when `reason` is None."""

    track: Track
    start: int  # number of the first sample
    stop: int
    reason: str | None
    angles: np.ndarray | None = None  # [F, 3] yaw, pitch, roll in degrees
    crop: np.ndarray | None = None  # [4] left, top, right, bottom in pixels of the frame
    references: list[int] = field(default_factory=list)  # frames of the segment
    width: float = 0.0  # median face width in pixels
    sharpness: float = 0.0


def segments_of(tracks: list[Track], frame_size: tuple[int, int], settings: dict) -> list[Segment]:
    """Every kept segment of the tracks of one shot, and one rejected segment for each track that gave none.

    frame_size: (width, height). Among windows that would do, those with the widest coverage are taken; none overlap.
    """
    found = []
    for track in tracks:
        if len(track.frames) >= MIN_DETECTIONS:
            found += _segments_of_track(track, tracks, frame_size, settings)
    return found


def _segments_of_track(track, tracks, frame_size, settings) -> list[Segment]:
    length, stride = settings["clip"]["num_frames"], settings["coverage"]["window_stride"]
    if track.stop - track.start < length:
        width = float(np.median([face.width for face in track.faces]))
        return [Segment(track, track.start, track.stop, "track too short", width=width)]
    starts = sorted({*range(track.start, track.stop - length + 1, stride), track.stop - length})
    windows = [judge(track, start, tracks, frame_size, settings) for start in starts]
    kept: list[Segment] = []
    for window in sorted((w for w in windows if w.reason is None), key=lambda w: -_width_of_coverage(w, settings)):
        if all(window.stop <= other.start or window.start >= other.stop for other in kept):
            kept.append(window)
    if kept:
        return sorted(kept, key=lambda w: w.start)
    order = list(REASONS)
    return [max(windows, key=lambda w: order.index(w.reason))]


def _width_of_coverage(segment: Segment, settings) -> float:
    degrees = settings["coverage"]["bin_degrees"]
    return len(bins(segment.angles, degrees)) + np.ptp(segment.angles[:, 0]) / degrees


def judge(track: Track, start: int, tracks: list[Track], frame_size, settings: dict) -> Segment:
    """The segment of track that begins at sample `start`, with its crop and references, or with the first reason against it."""
    faces, coverage, references = settings["faces"], settings["coverage"], settings["references"]
    stop = start + settings["clip"]["num_frames"]
    boxes = track.boxes(start, stop)
    inside = [face for frame, face in zip(track.frames, track.faces) if start <= frame < stop]
    segment = Segment(track, start, stop, None, width=float(np.median(boxes[:, 2] - boxes[:, 0])))
    segment.sharpness = float(np.median([getattr(face, "sharpness", 0.0) for face in inside])) if inside else 0.0

    def rejected(reason: str) -> Segment:
        segment.reason = reason
        return segment

    if segment.width < faces["min_width"]:
        return rejected("face too small")
    if track.share(start, stop) < faces["min_presence"]:
        return rejected("face lost")
    if track.share(start, stop, posed=True) < faces["min_posed"]:
        return rejected("pose unsure")
    segment.angles = track.angles(start, stop)
    segment.crop = crop_of(boxes, frame_size, settings["clip"])
    if segment.crop is None or _cut_off(boxes, segment.crop) > faces["edge_tolerance"]:
        return rejected("head out of frame")
    if _others_inside(track, tracks, start, stop, segment.crop):
        return rejected("another person")
    if segment.sharpness < faces["min_sharpness"]:
        return rejected("blurred")
    if len(bins(segment.angles, coverage["bin_degrees"])) < coverage["min_bins"]:
        return rejected("too little coverage")
    if np.ptp(segment.angles[:, 0]) < coverage["min_yaw_range"]:
        return rejected("too little coverage")
    posed = {frame for frame, pose in zip(track.frames, track.poses) if pose is not None}
    candidates = np.array([i for i in range(stop - start) if start + i in posed])
    segment.references = spread_views(segment.angles, candidates, references["count"], references["min_gap_degrees"])
    if len(segment.references) < references["count"]:
        return rejected("too few distinct views")
    return segment


def crop_of(boxes: np.ndarray, frame_size: tuple[int, int], clip: dict) -> np.ndarray | None:
    """One picture for the whole segment, so that the camera stays still: [4], or None when the frame is too small for it.

    framing "head": head and shoulders, `head_scale` face widths high, more when the head moves; "frame": the largest middle
    part of the frame with the clip's shape.
    """
    width, height = frame_size
    aspect = clip["width"] / clip["height"]
    if clip["framing"] == "frame":
        high = min(height, width / aspect)
        center = np.array([width / 2, height / 2])
    else:
        face = float(np.median(boxes[:, 2] - boxes[:, 0]))
        low, top = boxes[:, :2].min(0)
        right, bottom = boxes[:, 2:].max(0)
        sides, above, below = (reach * face for reach in HEAD_REACH)
        needed = max((right - low + 2 * sides) / aspect, bottom - top + above + below)
        high = min(max(clip["head_scale"] * face, needed), height, width / aspect)
        if high < 0.95 * needed:
            return None
        center = np.array([(low + right) / 2, (top + bottom - above + below) / 2 + 0.1 * face])
    half = np.array([high * aspect, high]) / 2
    center = np.clip(center, half, np.array([width, height]) - half)
    return np.concatenate([center - half, center + half])


def _cut_off(boxes: np.ndarray, crop: np.ndarray) -> float:
    """The share of frames in which the face's box, less a tenth, is not wholly in the crop."""
    slack = 0.1 * (boxes[:, 2:] - boxes[:, :2])
    outside = (boxes[:, :2] + slack < crop[:2]).any(1) | (boxes[:, 2:] - slack > crop[2:]).any(1)
    return float(outside.mean())


def _others_inside(track, tracks, start: int, stop: int, crop: np.ndarray) -> bool:
    for other in tracks:
        if other is track or len(other.frames) < MIN_DETECTIONS:
            continue
        for frame, face in zip(other.frames, other.faces):
            if start <= frame < stop:
                overlap = np.clip(np.minimum(face.box[2:], crop[2:]) - np.maximum(face.box[:2], crop[:2]), 0, None).prod()
                if overlap > 0.25 * (face.box[2:] - face.box[:2]).prod():
                    return True
    return False
