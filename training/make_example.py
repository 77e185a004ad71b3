"""Render the reference set of one held-out identity: PNGs on white, ready beside a job.json.

    python -m training.make_example examples/ada --seed 424242 --yaw -60 0 60 --size 512
"""

import argparse
from pathlib import Path

import torch
from PIL import Image

from training.heads import fixed_pose, sample_identities, studio_scenes
from training.heads.render import render

def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--index", type=int, default=0, help="which identity of the seed")
    parser.add_argument("--yaw", type=float, nargs="+", default=[-60.0, 0.0, 60.0])
    parser.add_argument("--size", type=int, default=256)
    arguments = parser.parse_args()
    out = Path(arguments.out)
    out.mkdir(parents=True, exist_ok=True)
    generator = torch.Generator().manual_seed(arguments.seed)
    identity = sample_identities(arguments.index + 1, generator)[arguments.index]
    for yaw in arguments.yaw:
        image = render(identity, fixed_pose(yaw), studio_scenes(1), size=arguments.size, background="white")[0, 0]
        pixels = (image * 255).round().byte().permute(1, 2, 0).numpy()
        Image.fromarray(pixels).save(out / f"yaw{yaw:+04.0f}.png")


if __name__ == "__main__":
    main()
