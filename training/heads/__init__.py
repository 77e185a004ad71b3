"""Procedural heads: many independent traits, any pose, exact ground truth, and a caption."""

from __future__ import annotations

import torch

from .identity import Identities, describe, mirrored, sample_identities, symmetric
from .motion import CAPTION_WORDS, Motions, fixed_pose, sample_motions
from .scene import Scenes, caption_of_scene, sample_scenes, studio_scenes

__all__ = ["CAPTION_WORDS", "Identities", "Motions", "Scenes", "caption", "describe", "fixed_pose", "mirrored",
           "sample_clips", "sample_identities", "sample_motions", "sample_scenes", "studio_scenes", "symmetric"]


def caption(motion_sentence: str, scenes: Scenes, i: int) -> str:
    """One caption: what the head does, then the background and the light of scene `i`."""
    return f"{motion_sentence}, {caption_of_scene(scenes, i)}"


def sample_clips(n: int, num_frames: int, generator: torch.Generator, fps: float = 8):
    """(Identities, Motions, Scenes, captions) of N clips, from one CPU generator."""
    identities = sample_identities(n, generator)
    motions, sentences = sample_motions(n, num_frames, generator, fps)
    scenes = sample_scenes(n, generator)
    return identities, motions, scenes, [caption(sentence, scenes, i) for i, sentence in enumerate(sentences)]
