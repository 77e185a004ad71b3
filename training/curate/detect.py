"""Finding faces in a frame: MediaPipe's BlazeFace through OpenCV, or OpenCV's own YuNet from a file that the user brings.

A detector is a callable: frame uint8 [H, W, 3] RGB -> list of Face. Any other with that signature can stand in its place
(models.py, `detector`).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

# The person's own left and right, as everywhere; the image's right is the person's left.
KEYPOINTS = ("right_eye", "left_eye", "nose", "mouth", "right_ear", "left_ear")


@dataclass
class Face:
    """One face in one frame, in pixels of that frame."""

    box: np.ndarray  # [4] left, top, right, bottom
    score: float  # 0 to 1
    keypoints: np.ndarray | None = None  # [6, 2] x, y in the order of KEYPOINTS; NaN where a detector does not say

    @property
    def width(self) -> float:
        return float(self.box[2] - self.box[0])


def iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Intersection over union of boxes [A, 4] and [B, 4] -> [A, B]"""
    low, high = np.maximum(a[:, None, :2], b[None, :, :2]), np.minimum(a[:, None, 2:], b[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(-1)
    areas = [np.clip(boxes[:, 2:] - boxes[:, :2], 0, None).prod(-1) for boxes in (a, b)]
    return shared / np.maximum(areas[0][:, None] + areas[1][None] - shared, 1e-9)


def suppress(faces: list[Face], overlap: float = 0.3) -> list[Face]:
    """Of faces that overlap the best one stays (non-maximum suppression)."""
    if not faces:
        return []
    boxes = np.stack([face.box for face in faces])
    overlaps = iou(boxes, boxes)
    kept: list[int] = []
    for i in np.argsort([-face.score for face in faces], kind="stable"):
        if all(overlaps[i, k] <= overlap for k in kept):
            kept.append(int(i))
    return [faces[k] for k in kept]


def letterbox(image: np.ndarray, side: int) -> tuple[np.ndarray, float, np.ndarray]:
    """image [H, W, 3] -> [side, side, 3] on grey, the scale used, and the padding [2] (left, top) in pixels."""
    height, width = image.shape[:2]
    scale = side / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    canvas = np.full((side, side, 3), 128, np.uint8)
    left, top = (side - size[0]) // 2, (side - size[1]) // 2
    canvas[top : top + size[1], left : left + size[0]] = small
    return canvas, scale, np.array([left, top], np.float32)


class BlazeFace:
    """face_detection_back.tflite (MediaPipe, Apache-2.0): 256 x 256, 896 anchors, six keypoints.

    Decoding after mediapipe/calculators/tflite/ssd_anchors_calculator.cc and tflite_tensors_to_detections_calculator.cc.
    """

    SIDE = 256
    LAYERS = ((16, 2), (32, 6))  # (stride, anchors a cell)

    def __init__(self, path: str, min_score: float = 0.6):
        # The classic engine: OpenCV 5's new one drops the second output of this file.
        self.net = cv2.dnn.readNetFromTFLite(str(path), engine=cv2.dnn.ENGINE_CLASSIC)
        self.min_score = min_score
        anchors = []
        for stride, repeats in self.LAYERS:
            cells = (np.arange(self.SIDE // stride) + 0.5) / (self.SIDE // stride)
            y, x = np.meshgrid(cells, cells, indexing="ij")
            anchors.append(np.stack([x, y], -1).reshape(-1, 2).repeat(repeats, axis=0))
        self.anchors = np.concatenate(anchors).astype(np.float32)

    def __call__(self, frame: np.ndarray) -> list[Face]:
        image, scale, padding = letterbox(frame, self.SIDE)
        self.net.setInput(cv2.dnn.blobFromImage(image, 1 / 127.5, mean=(127.5,) * 3))
        logits, regressed = self.net.forward(["classificators", "regressors"])
        scores = 1 / (1 + np.exp(-np.clip(logits.reshape(-1), -80, 80)))
        found = np.flatnonzero(scores >= self.min_score)
        points = regressed.reshape(-1, 8, 2)[found] / self.SIDE
        points[:, 0] += self.anchors[found]
        points[:, 2:] += self.anchors[found, None]
        faces = []
        for score, point in zip(scores[found], points):
            center, half = point[0], point[1] / 2
            pixels = np.concatenate([[center - half, center + half], point[2:]]) * self.SIDE
            pixels = (pixels - padding) / scale
            faces.append(Face(pixels[:2].reshape(4), float(score), pixels[2:]))
        return suppress(faces)


class YuNet:
    """OpenCV Zoo's face_detection_yunet ONNX (MIT), read by OpenCV itself. Five points: it knows no ears."""

    def __init__(self, path: str, min_score: float = 0.6):
        self.net = cv2.FaceDetectorYN.create(str(path), "", (320, 320), score_threshold=min_score, nms_threshold=0.3)

    def __call__(self, frame: np.ndarray) -> list[Face]:
        self.net.setInputSize((frame.shape[1], frame.shape[0]))
        _, rows = self.net.detect(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
        faces = []
        for row in rows if rows is not None else ():
            x, y, width, height = row[:4]
            right_eye, left_eye, nose, mouth_right, mouth_left = row[4:14].reshape(5, 2)
            ear = np.full(2, np.nan)
            keypoints = np.stack([right_eye, left_eye, nose, (mouth_right + mouth_left) / 2, ear, ear])
            faces.append(Face(np.array([x, y, x + width, y + height]), float(row[14]), keypoints))
        return faces
