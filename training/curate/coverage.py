"""Which views of a head a clip shows, in bins of 15 degrees of yaw and pitch as in the paper, and which make references.

The paper labels frames "P-15,Y-30" and keeps clips with wide coverage, references being frames of the same clip at distinct
large angles. It gives no thresholds: `coverage.min_bins`, `coverage.min_yaw_range` and `references.min_gap_degrees` are ours.
"""

from __future__ import annotations

from collections import Counter

import numpy as np


def bins(angles: np.ndarray, degrees: float) -> Counter:
    """angles [F, >=2] (yaw, pitch, ...) -> how many frames each (yaw bin, pitch bin) holds; a bin is named by its middle."""
    middles = np.round(np.asarray(angles)[:, :2] / degrees).astype(int) * int(degrees)
    return Counter((int(yaw), int(pitch)) for yaw, pitch in middles)


def bin_name(yaw: int, pitch: int) -> str:
    """The paper's label, such as P-15,Y+30."""
    return f"P{pitch:+d},Y{yaw:+d}"


def directions(angles: np.ndarray) -> np.ndarray:
    """Where the nose points: yaw and pitch in degrees [F, >=2] -> unit vectors [F, 3]"""
    yaw, pitch = np.radians(np.asarray(angles)[:, 0]), np.radians(np.asarray(angles)[:, 1])
    return np.stack([np.sin(yaw) * np.cos(pitch), np.sin(pitch), np.cos(yaw) * np.cos(pitch)], -1)


def gaps(angles: np.ndarray) -> np.ndarray:
    """Angles between the directions of the nose, [F, F] in degrees."""
    nose = directions(angles)
    return np.degrees(np.arccos(np.clip(nose @ nose.T, -1, 1)))


def spread_views(angles: np.ndarray, candidates: np.ndarray, count: int, min_gap: float) -> list[int]:
    """Up to `count` frames, each `min_gap` degrees from the others: the farthest pair first, then always the farthest left.

    angles [F, >=2] in degrees; candidates [C]: the frames that may be taken. -> frames, in the order they were picked
    """
    candidates = np.asarray(candidates)
    if len(candidates) == 0:
        return []
    distance = gaps(np.asarray(angles)[candidates])
    if count == 1 or len(candidates) == 1:
        return [int(candidates[abs(np.asarray(angles)[candidates, 0]).argmin()])]
    first, second = np.unravel_index(distance.argmax(), distance.shape)
    if distance[first, second] < min_gap:
        return [int(candidates[first])]
    picked = [int(first), int(second)]
    while len(picked) < count:
        nearest = distance[:, picked].min(1)
        farthest = int(nearest.argmax())
        if nearest[farthest] < min_gap:
            break
        picked.append(farthest)
    return [int(candidates[i]) for i in picked]
