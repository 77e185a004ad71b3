"""Reading videos with PyAV: upright RGB frames, sampled at a steady rate by their time stamps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import av
import numpy as np

SUFFIXES = frozenset(".mp4 .mov .m4v .mkv .webm .avi .mpg .mpeg .ts .wmv .flv .ogv .gif".split())
SHOT_WIDTH = 256


@dataclass
class Sample:
    """A decoded frame. `index` is its number in the steady rate, or None for frames between two samples."""

    index: int | None
    small: np.ndarray  # uint8 [h, SHOT_WIDTH, 3] RGB, for finding cuts; every frame has it
    image: np.ndarray | None  # uint8 [H, W, 3] RGB, upright; samples only


def read_samples(path, fps: float, small: bool = True) -> Iterator[Sample]:
    """Every decoded frame of the first video stream, in order; those nearest to k / fps carry their picture.

    A video slower than `fps` gives a frame more than once. Raises av.FFmpegError or ValueError when nothing can be read.
    """
    with av.open(str(path)) as container:
        if not container.streams.video:
            raise ValueError("video must have a picture stream, got none.")
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        rate = float(stream.average_rate or 25)
        start, count, next_index = None, 0, 0
        for frame in container.decode(stream):
            time = frame.time if frame.time is not None else count / rate
            start = time if start is None else start
            count += 1
            # A frame stands for the moments from half a frame before it to half a frame after it.
            until = time - start + 0.5 / rate
            indices = []
            while next_index / fps < until:
                indices.append(next_index)
                next_index += 1
            image = _upright(frame, frame.to_ndarray(format="rgb24")) if indices else None
            thumbnail = _small(frame) if small else None
            for index in indices or [None]:
                yield Sample(index, thumbnail, image)
                thumbnail = None  # A frame that is shown twice is no new frame to the cut detector.
        if not count:
            raise ValueError("video must have at least one frame that decodes, got none.")


def _upright(frame, image: np.ndarray) -> np.ndarray:
    """Phones store the turn of the camera beside the picture: anticlockwise degrees."""
    return np.ascontiguousarray(np.rot90(image, round(getattr(frame, "rotation", 0) / 90) % 4))


def _small(frame) -> np.ndarray:
    height = max(16, round(frame.height * SHOT_WIDTH / frame.width))
    return frame.reformat(width=SHOT_WIDTH, height=height, format="rgb24").to_ndarray()
