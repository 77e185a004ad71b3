"""Following faces through a shot: a face continues the track whose last box it overlaps best (Hungarian assignment)."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.ndimage import median_filter
from scipy.optimize import linear_sum_assignment

from training.curate.detect import Face, iou

MIN_OVERLAP = 0.2


@dataclass
class Track:
    """One face in one shot: its frames (numbers of samples), faces and poses [3] (None where no pose was found)."""

    frames: list[int] = field(default_factory=list)
    faces: list[Face] = field(default_factory=list)
    poses: list[np.ndarray | None] = field(default_factory=list)

    @property
    def start(self) -> int:
        return self.frames[0]

    @property
    def stop(self) -> int:
        return self.frames[-1] + 1

    def boxes(self, start: int, stop: int) -> np.ndarray:
        """[stop - start, 4]; frames without a detection lie between their neighbours."""
        wanted, known = np.arange(start, stop), np.array(self.frames)
        boxes = np.stack([face.box for face in self.faces])
        return np.stack([np.interp(wanted, known, boxes[:, i]) for i in range(4)], -1)

    def angles(self, start: int, stop: int) -> np.ndarray:
        """yaw, pitch, roll [stop - start, 3] in degrees, median of three; needs at least one pose"""
        known = [(frame, pose) for frame, pose in zip(self.frames, self.poses) if pose is not None]
        times, poses = np.array([frame for frame, _ in known]), np.stack([pose for _, pose in known])
        smooth = median_filter(poses, size=(3, 1), mode="nearest") if len(poses) > 2 else poses
        return np.stack([np.interp(np.arange(start, stop), times, smooth[:, i]) for i in range(3)], -1)

    def share(self, start: int, stop: int, posed: bool = False) -> float:
        """Of the frames the share in which the face was found (and its pose, if `posed`)."""
        found = sum(start <= f < stop and (not posed or pose is not None) for f, pose in zip(self.frames, self.poses))
        return found / (stop - start)


class Tracker:
    """Fed the faces of every sample of one shot."""

    def __init__(self, max_gap_frames: int):
        self.max_gap = max_gap_frames
        self.tracks: list[Track] = []

    def feed(self, index: int, faces: list[Face], poses: list[np.ndarray | None]) -> None:
        open_tracks = [track for track in self.tracks if index - track.frames[-1] <= self.max_gap + 1]
        taken = set()
        if faces and open_tracks:
            last = np.stack([track.faces[-1].box for track in open_tracks])
            overlaps = iou(last, np.stack([face.box for face in faces]))
            for row, column in zip(*linear_sum_assignment(-overlaps)):
                if overlaps[row, column] >= MIN_OVERLAP:
                    self._append(open_tracks[row], index, faces[column], poses[column])
                    taken.add(int(column))
        for column, (face, pose) in enumerate(zip(faces, poses)):
            if column not in taken:
                self.tracks.append(Track())
                self._append(self.tracks[-1], index, face, pose)

    @staticmethod
    def _append(track: Track, index: int, face: Face, pose) -> None:
        track.frames.append(index)
        track.faces.append(face)
        track.poses.append(pose)
