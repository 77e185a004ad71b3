"""Cutting a person out onto white: MediaPipe's selfie segmentation through OpenCV; only the person whose face it is stays."""

from __future__ import annotations

import cv2
import numpy as np


class SelfieSegmentation:
    """selfie_segmentation.tflite (MediaPipe, Apache-2.0): 256 x 256 -> the likeliness of a person."""

    SIDE = 256

    def __init__(self, path: str):
        self.net = cv2.dnn.readNetFromTFLite(str(path))

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """image uint8 [H, W, 3] RGB -> alpha float32 [H, W] in [0, 1]"""
        small = cv2.resize(image, (self.SIDE, self.SIDE), interpolation=cv2.INTER_AREA)
        self.net.setInput(cv2.dnn.blobFromImage(small, 1 / 255))
        alpha = self.net.forward().reshape(self.SIDE, self.SIDE)
        return np.clip(cv2.resize(alpha, image.shape[1::-1], interpolation=cv2.INTER_LINEAR), 0, 1)


def only_with_face(alpha: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Of the connected parts of alpha [H, W] the one that covers most of the face's box [4] stays."""
    count, labels = cv2.connectedComponents((alpha >= 0.5).astype(np.uint8))
    left, top, right, bottom = np.clip(box, 0, [*alpha.shape[::-1]] * 2).round().astype(int)
    inside = np.bincount(labels[top:bottom, left:right].ravel(), minlength=count)
    inside[0] = 0
    if not inside.any():
        return np.zeros_like(alpha)
    part = (labels == inside.argmax()).astype(np.uint8)
    # The soft edge lies outside the half-way line: as wide as a pixel of the network.
    reach = 2 * max(2, round(max(alpha.shape) / SelfieSegmentation.SIDE)) + 1
    return alpha * cv2.dilate(part, np.ones((reach, reach), np.uint8))


def on_white(image: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """image uint8 [H, W, 3], alpha [H, W] -> uint8 [H, W, 3]"""
    return (image * alpha[..., None] + 255 * (1 - alpha[..., None])).round().astype(np.uint8)
