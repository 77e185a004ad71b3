"""Head pose of a face in a frame: from six keypoints, or from a pose network.

Angles are degrees as everywhere in training/: yaw above 0 turns to the person's left (the image's right), pitch above 0
looks up, roll above 0 leans the top of the head to the image's right. The head turns by yaw, then pitch, then roll:
R = Rz(-roll) Ry(yaw) Rx(-pitch) with x to the image's right, y up, z to the camera.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from training.curate.detect import Face

# An average head in millimetres, x to the image's right, y up, z to the camera, in the order of detect.KEYPOINTS.
HEAD_POINTS = np.array([[-32.5, 35, -28], [32.5, 35, -28], [0, 0, 0], [0, -36, -20], [-70, 22, -100], [70, 22, -100]], np.float64)
YAWS, PITCHES = np.arange(-100.0, 101, 5), np.arange(-50.0, 51, 5)
MAX_RESIDUAL = 0.12  # of the size of the head in the picture; above it the keypoints are not those of a head


def rotations(yaw: np.ndarray, pitch: np.ndarray) -> np.ndarray:
    """Ry(yaw) Rx(-pitch), angles [N] in degrees -> [N, 3, 3]"""
    y, p = np.radians(yaw), np.radians(-pitch)
    zero, one = np.zeros_like(y), np.ones_like(y)
    turn = np.stack([np.cos(y), zero, np.sin(y), zero, one, zero, -np.sin(y), zero, np.cos(y)], -1).reshape(-1, 3, 3)
    nod = np.stack([one, zero, zero, zero, np.cos(p), -np.sin(p), zero, np.sin(p), np.cos(p)], -1).reshape(-1, 3, 3)
    return turn @ nod


class KeypointPose:
    """The rotation under which an average head, seen from afar (weak perspective), lies best on the keypoints.

    For every yaw and pitch of a grid the best scale, roll and shift have a closed form (a complex product); the best cell is
    then searched three times finer, down to 0.6 degrees. Needs no weights. Pitch leans on the average head: it is off by
    what the person's nose and ears differ from it.
    """

    def __call__(self, frame: np.ndarray, face: Face) -> np.ndarray | None:
        """-> yaw, pitch, roll [3] in degrees, or None when the keypoints fit no head"""
        if face.keypoints is None:
            return None
        seen = np.isfinite(face.keypoints).all(1)
        if seen.sum() < 4:
            return None
        target = face.keypoints[seen, 0] - 1j * face.keypoints[seen, 1]
        target = target - target.mean()
        yaws, pitches, step = YAWS, PITCHES, 5.0
        for _ in range(4):
            yaw, pitch = (grid.ravel() for grid in np.meshgrid(yaws, pitches, indexing="ij"))
            points = (rotations(yaw, pitch) @ HEAD_POINTS[seen].T)[:, :2]
            model = points[:, 0] + 1j * points[:, 1]
            model = model - model.mean(1, keepdims=True)
            similarity = (model.conj() @ target) / (abs(model) ** 2).sum(1)
            residual = (abs(target - similarity[:, None] * model) ** 2).sum(1)
            best = int(residual.argmin())
            step /= 2
            yaws, pitches = yaw[best] + step * np.arange(-2, 3), pitch[best] + step * np.arange(-2, 3)
        size = abs(similarity[best]) * 100
        if math.sqrt(residual[best] / seen.sum()) > MAX_RESIDUAL * size:
            return None
        return np.array([yaw[best], pitch[best], -math.degrees(np.angle(similarity[best]))])
