"""Where a clip is filmed: light, background and shirt, constant through the clip."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor

BACKGROUND_COLORS = {
    "blue": (0.42, 0.58, 0.80), "green": (0.45, 0.66, 0.50), "red": (0.74, 0.40, 0.38), "yellow": (0.88, 0.78, 0.48),
    "grey": (0.60, 0.61, 0.63), "purple": (0.58, 0.48, 0.74), "pink": (0.88, 0.66, 0.70), "brown": (0.56, 0.44, 0.35),
    "dark": (0.20, 0.21, 0.25), "white": (0.92, 0.92, 0.91),
}
LIGHTS = {"warm": (1.10, 0.98, 0.82), "cool": (0.88, 0.98, 1.12), "soft": (1.0, 1.0, 1.0)}
LIGHT_SIDES = ("front", "left", "right", "above")
SHIRT_COLORS = {
    "red": (0.72, 0.18, 0.18), "blue": (0.18, 0.32, 0.62), "green": (0.20, 0.48, 0.30), "white": (0.90, 0.90, 0.88),
    "black": (0.12, 0.12, 0.14), "yellow": (0.88, 0.72, 0.22), "grey": (0.48, 0.49, 0.52), "purple": (0.42, 0.26, 0.56),
}


@dataclass
class Scenes:
    """N scenes. Directions are camera space: x to the image's right, y up, z to the camera."""

    background: Tensor
    background_gradient: Tensor
    light_color: Tensor
    light_direction: Tensor
    ambient: Tensor
    shirt: Tensor
    background_index: Tensor
    light_index: Tensor
    light_side: Tensor

    def __len__(self) -> int:
        return self.background.shape[0]

    def __getitem__(self, index) -> "Scenes":
        if isinstance(index, int):
            index = [index]
        return Scenes(**{f.name: getattr(self, f.name)[index] for f in fields(self)})

    def to(self, device) -> "Scenes":
        return Scenes(**{f.name: getattr(self, f.name).to(device) for f in fields(self)})


def sample_scenes(n: int, generator: torch.Generator, device="cpu") -> Scenes:
    """Draws N scenes from a CPU generator."""
    g = generator

    def palette(table, jitter):
        index = torch.randint(len(table), (n,), generator=g)
        colors = torch.tensor(list(table.values()))[index]
        return (colors + jitter * (2 * torch.rand(n, 3, generator=g) - 1)).clamp(0.02, 1.15), index

    background, background_index = palette(BACKGROUND_COLORS, 0.03)
    light_color, light_index = palette(LIGHTS, 0.015)
    shirt, _ = palette(SHIRT_COLORS, 0.03)
    light_side = torch.randint(len(LIGHT_SIDES), (n,), generator=g)
    # As everywhere, left is the person's own: the image's right.
    directions = torch.tensor([[0.0, 0.35, 1.0], [0.85, 0.40, 0.75], [-0.85, 0.40, 0.75], [0.0, 1.0, 0.75]])
    direction = directions[light_side] + 0.08 * torch.randn(n, 3, generator=g).clamp(-2, 2)
    direction = direction / direction.norm(dim=-1, keepdim=True)
    gradient = 0.06 + 0.10 * torch.rand(n, 1, generator=g)
    ambient = 0.40 + 0.08 * torch.rand(n, generator=g)
    return Scenes(background, gradient.expand(n, 3).contiguous(), light_color, direction, ambient, shirt,
                  background_index, light_index, light_side).to(device)


def studio_scenes(n: int, device="cpu") -> Scenes:
    """N copies of one plain scene: soft frontal light, grey background, grey shirt."""
    one = lambda *values: torch.tensor(values).expand(n, -1).contiguous()
    direction = torch.tensor([0.0, 0.35, 1.0])
    direction = (direction / direction.norm()).expand(n, 3).contiguous()
    zeros = torch.zeros(n, dtype=torch.long)
    return Scenes(one(0.60, 0.61, 0.63), one(0.1, 0.1, 0.1), one(1.0, 1.0, 1.0), direction,
                  torch.full((n,), 0.44), one(0.48, 0.49, 0.52), zeros + 4, zeros + 2, zeros).to(device)


def caption_of_scene(scenes: Scenes, i: int) -> str:
    """Words for scene `i`: its background and its light."""
    background = list(BACKGROUND_COLORS)[int(scenes.background_index[i])]
    light = list(LIGHTS)[int(scenes.light_index[i])]
    side = LIGHT_SIDES[int(scenes.light_side[i])]
    return f"{background} background, {light} light from the {side}" if side != "above" else \
        f"{background} background, {light} light from above"
