"""Render held-out heads whose identity and pose are known, to measure the face checks with: PNGs and a list of them.

    python -m training.face_check_set out/heads

FOLDER/heads.json is a list of {file, identity, yaw, pitch, roll, background, glasses, beard}, in degrees as training/heads has them:
yaw > 0 turns to the person's left, pitch > 0 looks up, roll > 0 leans to the picture's right. What lies there already is not
rendered again.
"""

import argparse
import json
from pathlib import Path

import torch
from PIL import Image

from .heads import describe, fixed_pose, sample_identities, sample_scenes
from .heads.bake import bake
from .heads.render import render

# No shard of training has it (config.seed * 100003 + shard), nor has an example.
SEED = 616_161
YAWS = range(-90, 91, 15)
# (yaw, pitch, roll) of the first heads only: what the checks do not lean on is measured on fewer.
TILTED = [(yaw, pitch, 0) for yaw in (-30, 0, 30) for pitch in (-20, 20)] + [(0, 0, roll) for roll in (-20, 20)]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--heads", type=int, default=48)
    parser.add_argument("--tilted-heads", type=int, default=16)
    parser.add_argument("--size", type=int, default=512)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    generator = torch.Generator().manual_seed(SEED)
    identities = sample_identities(arguments.heads, generator)
    scenes = sample_scenes(arguments.heads, generator)
    heads = []
    for i in range(arguments.heads):
        traits = describe(identities, i)
        background = "white" if i % 2 else "scene"
        poses = [(yaw, 0, 0) for yaw in YAWS] + (TILTED if i < arguments.tilted_heads else [])
        atlas = None
        for yaw, pitch, roll in poses:
            file = f"{i:02d}-y{yaw:+03d}-p{pitch:+03d}-r{roll:+03d}.png"
            heads.append({"file": file, "identity": i, "yaw": yaw, "pitch": pitch, "roll": roll, "background": background,
                          "glasses": traits["glasses"], "beard": traits["beard"], "skin": traits["skin"]})
            if (arguments.folder / file).exists():
                continue
            atlas = atlas or bake(identities[i])
            picture = render(identities[i], fixed_pose(yaw, pitch, roll), scenes[i], arguments.size, background, atlas)
            pixels = (picture[0, 0].permute(1, 2, 0) * 255).round().byte().numpy()
            Image.fromarray(pixels).save(arguments.folder / file)
    (arguments.folder / "heads.json").write_text(json.dumps(heads))


if __name__ == "__main__":
    main()
