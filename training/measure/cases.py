"""Held-out cases: people that no training saw, each in a clip that turns far, with the exact truth of every frame.

    from training.measure.cases import held_out_cases
    cases = held_out_cases(num_identities=64, num_frames=33, size=128, fps=16)

One clip a person. Captions fix the path, so the truth is known without the few degrees of noise that training clips have.
The set of one reference is a part of the set of three: a method that is given more views loses none.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from training.heads import caption, sample_identities, sample_scenes
from training.heads.bake import bake
from training.heads.identity import Identities
from training.heads.motion import Motions, fixed_pose
from training.heads.render import render
from training.heads.scene import Scenes

# Far from every shard's seed, config["seed"] * 100_003 + shard, and from the sheets' (training/sample.py).
CASE_SEED = 9_191_919
# By number of references, the first of them alone, and so on: front, then the person's right and left.
REFERENCE_YAWS = (0.0, -60.0, 60.0, 90.0)
# (sentence, keys of the path: fraction of the clip and yaw), mirrored for every other person.
PATHS = (
    ("a person turns slowly to full {side} profile", ((0.05, 0.0), (0.97, 90.0))),
    ("a person turns slowly from the {side} profile to the {other} profile", ((0.05, 90.0), (0.97, -90.0))),
    ("a person in {side} profile turns slowly to the camera", ((0.05, 90.0), (0.97, 0.0))),
    ("a person turns far to the {side}, then far to the {other}", ((0.03, 0.0), (0.36, 65.0), (0.93, -65.0))),
)


@dataclass
class Cases:
    """N clips of F frames. Poses in degrees as training.heads.motion has them: yaw, pitch, roll."""

    identities: Identities
    scenes: Scenes
    motions: Motions
    captions: list[str]
    truth: Tensor  # uint8 [N, F, 3, size, size]
    references: Tensor  # uint8 [N, R, 3, size, size] on white
    reference_poses: Tensor  # [N, R, 3]

    def __len__(self) -> int:
        return len(self.captions)

    @property
    def poses(self) -> Tensor:
        """[N, F, 3]"""
        return torch.stack([self.motions.yaw, self.motions.pitch, self.motions.roll], dim=-1)


def held_out_cases(num_identities: int, num_frames: int, size: int, fps: float, seed: int = CASE_SEED) -> Cases:
    """The first n of more cases are the same n cases."""
    people = [one_case(index, num_frames, size, seed) for index in range(num_identities)]
    identities, scenes, motions, captions, truth, references = zip(*people)
    views = torch.zeros(num_identities, len(REFERENCE_YAWS), 3)
    views[..., 0] = torch.tensor(REFERENCE_YAWS)
    return Cases(
        together(identities), together(scenes), together(motions), list(captions),
        torch.cat(truth), torch.cat(references), views,
    )  # fmt: skip


def one_case(index: int, num_frames: int, size: int, seed: int):
    generator = torch.Generator().manual_seed(seed + index)
    identity, scene = sample_identities(1, generator), sample_scenes(1, generator)
    sentence, keys = PATHS[index // 2 % len(PATHS)]
    sign, side, other = (1.0, "left", "right") if index % 2 == 0 else (-1.0, "right", "left")
    motion = neutral(sign * eased(keys, num_frames))
    views = neutral(torch.tensor(REFERENCE_YAWS))
    atlas = bake(identity)
    with torch.no_grad():
        truth = render(identity, motion, scene, size, "scene", atlas)
        references = render(identity, views, scene, size, "white", atlas)
    text = caption(sentence.format(side=side, other=other), scene, 0)
    return identity, scene, motion, text, to_uint8(truth), to_uint8(references)


def eased(keys, num_frames: int) -> Tensor:
    """The path of training.heads.motion between key poses, without its noise. -> degrees [F]"""
    times = torch.linspace(0, 1, num_frames)
    yaw = torch.full_like(times, keys[0][1])
    for (start, a), (end, b) in zip(keys, keys[1:]):
        part = ((times - start) / (end - start)).clamp(0, 1)
        yaw = yaw + (b - a) * (0.5 - 0.5 * torch.cos(torch.pi * part))
    return yaw


def neutral(yaw: Tensor) -> Motions:
    """One clip [1, F] of a calm face."""
    motion = fixed_pose(yaw)
    return Motions(**{name: value.T.contiguous() for name, value in vars(motion).items()})


def together(parts):
    """Several Identities, Scenes or Motions as one."""
    kind = type(parts[0])
    return kind(**{name: torch.cat([getattr(part, name) for part in parts]) for name in vars(parts[0])})


def to_uint8(images: Tensor) -> Tensor:
    return (images.clamp(0, 1) * 255).round().to(torch.uint8)
