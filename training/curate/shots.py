"""Cuts between shots, by PySceneDetect's adaptive detector: it looks for a change that stands out from those around it."""

from __future__ import annotations

import numpy as np
from scenedetect import AdaptiveDetector, FrameTimecode


class ShotCuts:
    """Fed every decoded frame in order; `cuts` are the numbers of the frames that begin a new shot."""

    def __init__(self, adaptive_threshold: float, min_content_change: float):
        self.detector = AdaptiveDetector(adaptive_threshold, min_scene_len=4, min_content_val=min_content_change)
        self.count = 0
        self.cuts: list[int] = []

    def feed(self, frame: np.ndarray) -> None:
        """frame uint8 [h, w, 3] RGB"""
        found = self.detector.process_frame(FrameTimecode(self.count, 25.0), np.ascontiguousarray(frame[..., ::-1]))
        self.cuts += [cut.frame_num for cut in found]
        self.count += 1

    def finish(self) -> list[int]:
        self.cuts += [cut.frame_num for cut in self.detector.post_process(FrameTimecode(self.count, 25.0))]
        return sorted(set(self.cuts))
