"""Stage 1b: where the rendered clips show a one-sided trait: a mole, an earring, a scar, a streak, paint.

    python -m training.trait_maps training/config/mv2id-tiny.json training/runs/tiny [--worker 0/2]

A trait is what tells a turned head's two sides apart, and it is a dozen pixels of 16,384: a mean over all of them hardly knows
it. `training.trait_weight` and `vae_training.trait_weight` count the cells that show one that much more, as face models weight the face.

Writes RUN/trait_maps/NNNNN.safetensors: traits uint8 [N, K, S/8, S/8], 255 where a cell of 8 x 8 pixels shows enough of one to be
seen, less where it shows less. What a trait covers is exact: the pixels that change when the clip is rendered without it.
"""

import argparse
from dataclasses import fields
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from training.files import read_config
from training.heads import sample_clips
from training.heads.bake import bake
from training.heads.identity import Identities
from training.heads.render import render
from training.measure.people import CHANGED, TRAITS
from training.render_clips import at_frames

CELL = 8
# So many changed pixels of a cell's 64 count in full: a mole seen from the side.
SEEN = 6


def without_traits(identities: Identities) -> Identities:
    """The same heads; what else is one-sided, such as the parting, stays."""
    values = {f.name: getattr(identities, f.name) for f in fields(identities)}
    return Identities(**values | {name: torch.zeros_like(values[name]) for name in TRAITS.values()})


def trait_map(clip, plain):
    """clip and plain [F, 3, S, S] in [0, 1] -> uint8 [F, S/8, S/8]"""
    changed = ((clip - plain).abs().amax(1, keepdim=True) > CHANGED).float()
    pixels = torch.nn.functional.avg_pool2d(changed, CELL)[:, 0] * CELL**2
    return (pixels / SEEN).clamp(max=1).mul(255).round().to(torch.uint8)


def shard_maps(data, seed: int, clips):
    """The maps of the shard that render_clips made of `seed`; `clips` are its tensors."""
    generator = torch.Generator().manual_seed(seed)
    identities, motions, scenes, _ = sample_clips(data["clips_per_shard"], data["num_frames"], generator, data["fps"])
    maps = torch.zeros(*clips["clips"].shape[:2], *(side // CELL for side in clips["clips"].shape[3:]), dtype=torch.uint8)
    for i, frames in enumerate(clips["frames"]):
        one = slice(i, i + 1)
        if any(getattr(identities[one], side).item() for side in TRAITS.values()):
            plain = without_traits(identities[one])
            images = render(plain, at_frames(motions[one], frames[None]), scenes[one], data["size"], "scene", bake(plain))
            maps[i] = trait_map(clips["clips"][i].float() / 255, images[0])
    return maps


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config")
    parser.add_argument("run")
    parser.add_argument("--worker", default="0/1", help="this process's share, as INDEX/COUNT")
    arguments = parser.parse_args()
    config, run = read_config(arguments.config), Path(arguments.run)
    folder = run / "trait_maps"
    folder.mkdir(exist_ok=True)
    torch.set_grad_enabled(False)
    worker, workers = map(int, arguments.worker.split("/"))
    for source in sorted((run / "clips").glob("*.safetensors"))[worker::workers]:
        path = folder / source.name
        if path.exists():
            continue
        maps = shard_maps(config["data"], config["seed"] * 100_003 + int(source.stem), load_file(source))
        partial = path.with_suffix(".partial")
        save_file({"traits": maps}, partial)
        partial.rename(path)
        print(path, flush=True)


if __name__ == "__main__":
    main()
