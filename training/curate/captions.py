"""What a clip shows, in words: a text file beside the video, or a sentence made from the measured path of the head.

The sentences are those of training/heads/motion.py, so that one text encoder reads drawn and real clips alike. A sidecar
VIDEO.txt (the video's name with .txt) holds one caption for all clips of the video.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

FRONT = 20.0  # within it a head faces the camera
STILL = 12.0


def caption_for(video: Path, angles: np.ndarray, source: str) -> str:
    """source: "file", "motion" or "file-or-motion". Raises FileNotFoundError when the file must be there and is not."""
    sidecar = video.with_suffix(".txt")
    if source != "motion" and sidecar.exists():
        text = " ".join(sidecar.read_text().split())
        if text:
            return text
    if source == "file":
        raise FileNotFoundError(f"captions.source is file: {sidecar.name} must hold a caption, got no such text.")
    return motion_sentence(angles)


def motion_sentence(angles: np.ndarray) -> str:
    """angles [F, 3]: yaw, pitch, roll in degrees -> "a person turns slowly far to the left" and the like"""
    yaw, pitch, roll = (_smooth(column) for column in np.asarray(angles, float).T)
    if np.ptp(yaw) < FRONT:
        return _without_turn(yaw, pitch, roll)
    turns = _turning_points(yaw, FRONT)
    keys = [yaw[i] for i in turns]
    if len(keys) >= 4 and max(abs(yaw)) < 50:
        return f"a person shakes the head, {_side(keys[1] - keys[0])} first"
    start, end = keys[0], keys[-1]
    if len(keys) == 2:
        sentence = _one_turn(start, end, _speed(yaw))
        rise = pitch[-1] - pitch[0]
        return f"{sentence} and looks {_height(rise)}" if abs(rise) >= STILL and abs(start) < FRONT else sentence
    first, second = keys[1], keys[2]
    if abs(start) < FRONT and abs(second) < FRONT:
        return f"a person turns{_speed(yaw)} {_to(first)} and back"
    if abs(start) < FRONT and first * second < 0:
        return f"a person turns {_to(first)}, then {_to(second)}"
    return f"{_posed(start)} turns {_to(first)}, then {_to(second)}"


def _without_turn(yaw, pitch, roll) -> str:
    if np.ptp(pitch) >= STILL and np.ptp(pitch) >= np.ptp(roll):
        points = _turning_points(pitch, STILL)
        if len(points) >= 4:
            return "a person nods"
        reached = pitch[points[1]] if len(points) > 1 else pitch[-1]
        return f"a person looks {_height(reached)}{_speed(pitch)}"
    if np.ptp(roll) >= STILL:
        return f"a person tilts the head{_speed(roll)} to the {_side(roll[-1] - roll[0])}"
    return f"{_posed(float(np.median(yaw)))} stays still"


def _one_turn(start: float, end: float, speed: str) -> str:
    if abs(start) < FRONT:
        return f"a person turns{speed} {_to(end)}"
    if abs(end) < FRONT:
        return f"{_posed(start)} turns{speed} to the camera"
    if abs(start) > 65 and abs(end) > 65 and start * end < 0:
        return f"a person turns{speed} from the {_side(start)} profile to the {_side(end)} profile"
    return f"{_posed(start)} turns{speed} {_to(end)}"


def _smooth(values: np.ndarray) -> np.ndarray:
    padded = np.pad(values, 1, mode="edge")
    return (padded[:-2] + padded[1:-1] + padded[2:]) / 3


def _turning_points(values: np.ndarray, depth: float) -> list[int]:
    """First and last frame, and the frames between them where the path turns back by at least `depth` degrees."""
    points, extreme, direction = [0], 0, 0
    for i in range(1, len(values)):
        step = values[i] - values[extreme]
        if direction == 0:
            if abs(values[i] - values[0]) >= depth:
                direction, extreme = (1 if values[i] > values[0] else -1), i
        elif step * direction > 0:
            extreme = i
        elif abs(step) >= depth:
            points.append(extreme)
            direction, extreme = -direction, i
    return points + [extreme] if extreme else points + [len(values) - 1]


def _side(degrees: float) -> str:
    return "left" if degrees > 0 else "right"


def _to(degrees: float) -> str:
    size, side = abs(degrees), _side(degrees)
    if size >= 77.5:
        return f"to full {side} profile"
    extent = "far" if size >= 55 else "halfway" if size >= 35 else "slightly"
    return f"{extent} to the {side}"


def _posed(degrees: float) -> str:
    if abs(degrees) < FRONT:
        return "a person facing the camera"
    return f"a person in {_side(degrees)} profile" if abs(degrees) >= 77.5 else f"a person turned {_to(degrees)}"


def _height(degrees: float) -> str:
    size = abs(degrees)
    words = ["slightly"] if size < 21 else [] if size < 35 else ["far"]
    return " ".join([*words, "up" if degrees > 0 else "down"])


def _speed(values: np.ndarray) -> str:
    """From how much of the clip the middle four fifths of the way take; the renderer's three speeds lie between the limits."""
    way = np.abs(np.diff(values)).cumsum() / max(np.abs(np.diff(values)).sum(), 1e-9)
    share = (np.searchsorted(way, 0.9) - np.searchsorted(way, 0.1)) / len(values)
    return " slowly" if share > 0.5 else " quickly" if share < 0.3 else ""
