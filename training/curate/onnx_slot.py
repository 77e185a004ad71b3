"""Models that the user brings as ONNX: a pose network and a matting network, run by onnxruntime.

What such a file wants to be fed differs from one to the next and stands in the settings: size, channel order, mean, std,
layout, and what its output means. Its SHA-256 stands there too, so that a run says exactly what judged it.
"""

from __future__ import annotations

import cv2
import numpy as np

from training.curate.detect import Face


def face_crop(frame: np.ndarray, face: Face, scale: float, size: int) -> np.ndarray:
    """A square of `scale` face widths about the face, edge pixels repeated outside the frame -> uint8 [size, size, 3]"""
    center, side = (face.box[:2] + face.box[2:]) / 2, scale * face.width
    zoom = size / side
    matrix = np.array([[zoom, 0, size / 2 - zoom * center[0]], [0, zoom, size / 2 - zoom * center[1]]])
    if zoom < 0.5:  # Averaging first: a warp alone would skip pixels.
        shrink = 2.0 * zoom
        frame = cv2.resize(frame, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
        matrix[:, :2] /= shrink
    return cv2.warpAffine(frame, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


class OnnxModel:
    """One ONNX file and how it is fed."""

    def __init__(self, path: str, order: str, mean: list[float], std: list[float], layout: str = "nchw"):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 2
        preferred = ("CUDAExecutionProvider", "CPUExecutionProvider")
        providers = [name for name in preferred if name in onnxruntime.get_available_providers()]
        self.session = onnxruntime.InferenceSession(str(path), options, providers=providers)
        self.input = self.session.get_inputs()[0].name
        self.order, self.layout = order, layout
        self.mean, self.std = np.array(mean, np.float32), np.array(std, np.float32)

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """image uint8 [H, W, 3] RGB -> the first output"""
        values = image[..., ::-1] if self.order == "bgr" else image
        values = ((values.astype(np.float32) - self.mean) / self.std)[None]
        if self.layout == "nchw":
            values = values.transpose(0, 3, 1, 2)
        return self.session.run(None, {self.input: np.ascontiguousarray(values)})[0]


class OnnxPose:
    """A pose network on the crop of a face.

    output "euler": the three angles in degrees in the order `angles`; "rotation": a rotation matrix [3, 3] of a head that
    looks along z to the camera, x to the image's right, y up. signs [3] turn its yaw, pitch and roll into ours.
    """

    def __init__(self, path, size, scale=1.6, order="rgb", mean=(127.5,) * 3, std=(127.5,) * 3, layout="nchw", output="euler",
                 angles=("yaw", "pitch", "roll"), signs=(1, 1, 1)):  # fmt: skip
        self.model = OnnxModel(path, order, mean, std, layout)
        self.size, self.scale, self.output, self.angles, self.signs = size, scale, output, list(angles), np.array(signs)

    def __call__(self, frame: np.ndarray, face: Face) -> np.ndarray:
        """-> yaw, pitch, roll [3] in degrees"""
        output = self.model(face_crop(frame, face, self.scale, self.size))
        if self.output == "rotation":
            r = output.reshape(-1)[:9].reshape(3, 3)
            yaw, pitch = np.arctan2(-r[2, 0], np.hypot(r[0, 0], r[1, 0])), -np.arctan2(r[2, 1], r[2, 2])
            return np.degrees([yaw, pitch, -np.arctan2(r[1, 0], r[0, 0])]) * self.signs
        given = dict(zip(self.angles, output.reshape(-1)[:3]))
        return np.array([given["yaw"], given["pitch"], given["roll"]], np.float64) * self.signs


class OnnxMatting:
    """A matting or segmentation network: image -> alpha of the person, [0, 1], as its first output's last two axes."""

    def __init__(self, path, width, height, order="rgb", mean=(0.0,) * 3, std=(255.0,) * 3, layout="nchw"):
        self.model = OnnxModel(path, order, mean, std, layout)
        self.size = (width, height)

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """image uint8 [H, W, 3] RGB -> alpha float32 [H, W] in [0, 1]"""
        small = cv2.resize(image, self.size, interpolation=cv2.INTER_AREA)
        alpha = self.model(small).squeeze().astype(np.float32)
        return np.clip(cv2.resize(alpha, image.shape[1::-1], interpolation=cv2.INTER_LINEAR), 0, 1)
