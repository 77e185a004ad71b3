"""Drawn heads before photographs, gradients and noise, with their exact alpha: what the cutting-out of the faces is measured on.

    python -m training.make_matting_fixture test/fixtures/matting --backgrounds DIR

24 heads, yaw -90 to 90 degrees, in two sheets of 6 x 4: heads.jpg and alpha.png. DIR has scikit-image's pictures (its wheel's
skimage/data): coffee.png, chelsea.png, brick.png and gravel.png (CC0) and rocket.jpg (NASA, public domain).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from training.curate.drawn import cut_outs, smooth_noise
from training.heads import fixed_pose, sample_identities, sample_scenes

SIZE, COLUMNS, ROWS = 256, 6, 4
SEED = 20250918
PHOTOGRAPHS = ("coffee.png", "rocket.jpg", "chelsea.png", "brick.png", "gravel.png")


def background(index: int, folder: Path, generator: torch.Generator) -> torch.Tensor:
    """[3, SIZE, SIZE] in [0, 1]: of every four, two photographs, a gradient and noise."""
    kind = index % 4
    if kind == 2:
        top, bottom = torch.rand(2, 3, 1, generator=generator)
        return torch.lerp(top, bottom, torch.linspace(0, 1, SIZE)).unsqueeze(-1).expand(3, SIZE, SIZE)
    if kind == 3:
        return smooth_noise(SIZE, SIZE, generator)
    photograph = Image.open(folder / PHOTOGRAPHS[(index // 4 * 2 + kind) % len(PHOTOGRAPHS)]).convert("RGB")
    side = min(photograph.size)
    left = int(torch.randint(photograph.width - side + 1, (), generator=generator))
    picture = photograph.crop((left, 0, left + side, side)).resize((SIZE, SIZE), Image.Resampling.LANCZOS)
    return torch.from_numpy(np.asarray(picture, np.float32) / 255).permute(2, 0, 1)


def sheet(tiles: torch.Tensor) -> Image.Image:
    """tiles [24, C, SIZE, SIZE] in [0, 1]"""
    channels = tiles.shape[1]
    rows = tiles.view(ROWS, COLUMNS, channels, SIZE, SIZE).permute(0, 3, 1, 4, 2)
    pixels = (rows * 255).round().byte().reshape(ROWS * SIZE, COLUMNS * SIZE, channels).numpy()
    return Image.fromarray(pixels.squeeze(-1) if channels == 1 else pixels)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--backgrounds", type=Path, required=True)
    arguments = parser.parse_args()
    count = COLUMNS * ROWS
    generator = torch.Generator().manual_seed(SEED)
    identities = sample_identities(count, generator)
    scenes = sample_scenes(count, generator)
    yaw = torch.linspace(-90, 90, count)
    color, alpha = cut_outs(identities, fixed_pose(yaw), scenes, SIZE)
    behind = torch.stack([background(i, arguments.backgrounds, generator) for i in range(count)])
    arguments.out.mkdir(parents=True, exist_ok=True)
    sheet(color[:, 0] + (1 - alpha[:, 0]) * behind).save(arguments.out / "heads.jpg", quality=88)
    sheet(alpha[:, 0]).save(arguments.out / "alpha.png", optimize=True)


if __name__ == "__main__":
    main()
