"""Procedural heads in front of any background, with exact masks: what the proof's clips and its pose network are made of."""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor

from training.heads.bake import bake
from training.heads.identity import Identities
from training.heads.motion import Motions
from training.heads.render import render
from training.heads.scene import Scenes


@torch.no_grad()
def cut_outs(identities: Identities, motions: Motions, scenes: Scenes, size: int) -> tuple[Tensor, Tensor]:
    """Colours times alpha [N, F, 3, size, size] and alpha [N, F, 1, size, size], both in [0, 1].

    Exact: the same head is rendered on black and on white, and what differs is what lets the background through.
    """
    zero = torch.zeros_like(scenes.background)
    on_black = dataclasses.replace(scenes, background=zero, background_gradient=zero)
    atlas = bake(identities)
    black = render(identities, motions, on_black, size, "scene", atlas)
    white = render(identities, motions, on_black, size, "white", atlas)
    alpha = (1 - (white - black)).clamp(0, 1).mean(2, keepdim=True)
    return black, alpha


def smooth_noise(height: int, width: int, generator: torch.Generator, octaves: int = 5) -> Tensor:
    """Colour noise with the falling spectrum of photographs, [3, height, width] in [0, 1]."""
    total = torch.zeros(3, height, width)
    for octave in range(octaves):
        cells = 2 ** (octave + 1)
        grid = torch.rand(1, 3, cells + 1, cells + 1, generator=generator)
        layer = torch.nn.functional.interpolate(grid, (height, width), mode="bicubic", align_corners=True)[0]
        total += (layer - 0.5) / (octave + 1)
    total = total.mean(0, keepdim=True) + 0.5 * total
    low, high = total.amin(), total.amax()
    tint = 0.35 + 0.65 * torch.rand(3, 1, 1, generator=generator)
    return (total - low) / (high - low) * tint
