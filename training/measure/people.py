"""What the measuring networks learn from: people rendered at random poses, with which one-sided traits each picture shows.

    python -m training.measure.people training/config/measure.json RUN [--worker 0/2]

Writes RUN/people/NNNNN.safetensors: images uint8 [N, V, 3, S, S], poses float [N, V, 3] (yaw, pitch, roll in degrees),
trait_pixels int [N, V, traits]. Each person is lit, dressed and filmed several ways, and cut out on white once, so
that nothing but the head says who it is. How much of a trait a picture shows is exact: the pixels that change
when the same picture is rendered without the trait.
"""

import argparse
import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from training.heads import sample_identities, sample_scenes
from training.heads.bake import bake
from training.heads.identity import Identities
from training.heads.motion import Motions
from training.heads.render import render

TRAITS = {
    "mole": "mole_side",
    "earring": "earring_side",
    "scar": "scar_side",
    "hair streak": "streak_side",
    "face paint": "paint_side",
}
# A pixel belongs to a trait if a channel changes by more than this, in [0, 1].
CHANGED = 0.06
# Of each person: (background, pictures), each with a scene of its own.
GROUPS = (("scene", 3), ("scene", 3), ("white", 2))


def random_poses(num_frames: int, generator: torch.Generator) -> Motions:
    """One person at any pose and with any face, [1, F]."""

    def uniform(low, high):
        return low + (high - low) * torch.rand(1, num_frames, generator=generator)

    def normal(deviation, limit):
        return (deviation * torch.randn(1, num_frames, generator=generator)).clamp(-limit, limit)

    some = lambda chance: (torch.rand(1, num_frames, generator=generator) < chance).float()
    return Motions(
        yaw=uniform(-95, 95), pitch=normal(12, 45), roll=normal(7, 26), mouth_open=some(0.4) * uniform(0, 1),
        smile=some(0.5) * uniform(0, 1), blink=some(0.2) * uniform(0, 1), brow=uniform(-0.1, 1) * some(0.5),
        gaze_x=uniform(-0.3, 0.3), gaze_y=uniform(-0.2, 0.2),
    )  # fmt: skip


def trait_pixels(identity: Identities, motions: Motions, scene, size: int, background: str, images: Tensor) -> Tensor:
    """Pixels of each trait in images [F, 3, size, size] of one person. -> int [F, traits]"""
    counts = torch.zeros(len(images), len(TRAITS), dtype=torch.int32)
    for index, field in enumerate(TRAITS.values()):
        side = getattr(identity, field)
        if side.item() == 0:
            continue
        without = Identities(**{**vars(identity), field: torch.zeros_like(side)})
        plain = render(without, motions, scene, size, background)[0]
        counts[:, index] = ((images - plain).abs().amax(1) > CHANGED).sum((1, 2))
    return counts


def render_people(num: int, size: int, seed: int, groups=GROUPS) -> dict[str, Tensor]:
    """-> the tensors of one shard."""
    people = []
    for index in range(num):
        generator = torch.Generator().manual_seed(seed + index)
        identity = sample_identities(1, generator)
        atlas = bake(identity)
        parts = []
        for background, count in groups:
            scene, motions = sample_scenes(1, generator), random_poses(count, generator)
            images = render(identity, motions, scene, size, background, atlas)[0]
            poses = torch.stack([motions.yaw[0], motions.pitch[0], motions.roll[0]], 1)
            pixels = trait_pixels(identity, motions, scene, size, background, images)
            parts.append(((images * 255).round().to(torch.uint8), poses, pixels))
        people.append([torch.cat(values) for values in zip(*parts)])
    images, poses, pixels = (torch.stack(values) for values in zip(*people))
    return {"images": images, "poses": poses, "trait_pixels": pixels}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config")
    parser.add_argument("run")
    parser.add_argument("--worker", default="0/1", help="this process's share, as INDEX/COUNT")
    arguments = parser.parse_args()
    data = json.loads(Path(arguments.config).read_text())["people"]
    folder = Path(arguments.run) / "people"
    folder.mkdir(parents=True, exist_ok=True)
    torch.set_grad_enabled(False)
    worker, workers = map(int, arguments.worker.split("/"))
    for shard in range(worker, data["num"] // data["per_shard"], workers):
        path = folder / f"{shard:05d}.safetensors"
        if path.exists():
            continue
        tensors = render_people(data["per_shard"], data["size"], data["seed"] + shard * data["per_shard"])
        partial = path.with_suffix(".partial")
        save_file(tensors, partial)
        partial.rename(path)
        print(path, flush=True)


if __name__ == "__main__":
    main()
