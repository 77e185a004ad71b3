"""What is true of the cases beyond their pictures: which traits are in view, and everybody at every angle. Made once, kept on disk."""

from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from training.heads import sample_scenes
from training.heads.bake import bake
from training.heads.motion import Motions
from training.heads.render import render
from training.measure.cases import Cases, neutral, to_uint8
from training.measure.people import trait_pixels
from training.heads.scene import Scenes

# Background, light and shirt in which everybody is known: others than in the clip, or they would tell who it is.
OTHER_SCENE_SEED = 5_151_515
# Everybody is known by a picture each 15 degrees.
GALLERY_YAWS = tuple(range(-90, 91, 15))


@dataclass
class Truth:
    frame_traits: Tensor  # int [N, F, T]: pixels of each trait in each true frame
    reference_traits: Tensor  # int [N, R, T]
    elsewhere: Tensor  # uint8 [N, F, 3, S, S]: each true frame, in another scene
    gallery: Tensor  # uint8 [N, G, 3, S, S]: each person at GALLERY_YAWS, in that other scene


@torch.no_grad()
def truth_of(cases: Cases, path: Path | None = None) -> Truth:
    """Reads `path` where it is, and writes it otherwise: some ten seconds a case on one core."""
    if path is not None and path.exists():
        return Truth(**load_file(path))
    size = cases.truth.shape[-1]
    frames, references, elsewhere, galleries = [], [], [], []
    for i in range(len(cases)):
        identity, scene, motion = cases.identities[i], one(cases.scenes, i), cases.motions[i]
        views = neutral(cases.reference_poses[i, :, 0])
        atlas = bake(identity)
        frames.append(trait_pixels(identity, motion, scene, size, "scene", cases.truth[i].float() / 255))
        references.append(trait_pixels(identity, views, scene, size, "white", cases.references[i].float() / 255))
        turns = neutral(torch.tensor(GALLERY_YAWS, dtype=torch.float))
        elsewhere.append(to_uint8(render(identity, motion, other_scene(i), size, "scene", atlas)))
        galleries.append(to_uint8(render(identity, turns, other_scene(i), size, "scene", atlas)))
    truth = Truth(torch.stack(frames), torch.stack(references), torch.cat(elsewhere), torch.cat(galleries))
    if path is not None:
        save_file(vars(truth), path)
    return truth


@torch.no_grad()
def at_poses(cases: Cases, poses: Tensor) -> Tensor:
    """The true people at other poses than asked, in their other scene. poses [N, F, 3] degrees -> uint8 [N, F, 3, S, S]"""
    limits = torch.tensor([95.0, 45.0, 30.0])
    poses = poses.clamp(-limits, limits)
    pictures = []
    for i in range(len(cases)):
        angles = {name: poses[i : i + 1, :, axis] for axis, name in enumerate(("yaw", "pitch", "roll"))}
        motion = Motions(**{**vars(cases.motions[i]), **angles})
        pictures.append(to_uint8(render(cases.identities[i], motion, other_scene(i), cases.truth.shape[-1], "scene")))
    return torch.cat(pictures)


def other_scene(index: int) -> Scenes:
    return sample_scenes(1, torch.Generator().manual_seed(OTHER_SCENE_SEED + index))


def one(scenes: Scenes, i: int) -> Scenes:
    return Scenes(**{name: value[i : i + 1] for name, value in vars(scenes).items()})
