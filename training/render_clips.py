"""Stage 1: render clips of procedural heads, with references cut from the same clip ("in-pair").

    python -m training.render_clips training/config/mv2id-tiny.json training/runs/tiny

Writes RUN/clips/NNNNN.safetensors: clips uint8 [N, F, 3, S, S] on a scene, references uint8 [N, R, 3, S, S] on white,
reference_frames int64 [N, R], yaw and pitch [N, F]; captions stand in the metadata. Every shard has its own seed, so a
run resumes where it stopped and several processes can share the work (--worker i/n).
"""

import argparse
import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from training.files import read_config
from training.heads import sample_clips
from training.heads.bake import bake
from training.heads.motion import Motions
from training.heads.render import render


def pick_reference_frames(yaw: torch.Tensor, count: int, generator: torch.Generator):
    """Spread over the yaw range of the clip: both extremes first, then frames at random. yaw [F] -> LongTensor [count]"""
    order = yaw.argsort()
    middle = order[1:-1][torch.randperm(len(order) - 2, generator=generator)]
    return torch.cat([order[:1], order[-1:], middle])[:count]


def at_frames(motions, frames):
    """The same motions at frames [N, R] only."""
    picked = {name: value.gather(1, frames.to(value.device)) for name, value in vars(motions).items()}
    return Motions(**picked)


def to_uint8(images):
    return (images.clamp(0, 1) * 255).round().to(torch.uint8).cpu()


def pick_frames(data, whole: bool, generator: torch.Generator):
    """The frames of each clip that are rendered: all, or `rendered_frames` at random. -> LongTensor [N, K]"""
    num_clips, num_frames = data["clips_per_shard"], data["num_frames"]
    kept = num_frames if whole else data.get("rendered_frames", num_frames)
    return torch.rand(num_clips, num_frames, generator=generator).argsort(dim=1)[:, :kept].sort(dim=1).values


def render_shard(data, seed: int, device="cpu", whole: bool = True):
    """One shard's tensors and captions: clips uint8 [N, K, 3, H, W] with their `frames` [N, K], references [N, R, 3, H, W] on white.

    A clip need not be rendered whole: a training that looks at a few frames of each clip learns more from many people.
    """
    generator = torch.Generator().manual_seed(seed)
    identities, motions, scenes, captions = sample_clips(
        data["clips_per_shard"], data["num_frames"], generator, data["fps"]
    )
    views = torch.stack([pick_reference_frames(yaw, data["references_per_clip"], generator) for yaw in motions.yaw])
    frames = pick_frames(data, whole, generator)
    clips, references = [], []
    for i in range(len(captions)):
        one = slice(i, i + 1)
        identity, scene = identities[one].to(device), scenes[one].to(device)
        motion = motions[one].to(device)
        atlas = bake(identity)
        shown, viewed = at_frames(motion, frames[one]), at_frames(motion, views[one])
        clips.append(to_uint8(render(identity, shown, scene, data["size"], "scene", atlas)))
        references.append(to_uint8(render(identity, viewed, scene, data["size"], "white", atlas)))
    tensors = {
        "clips": torch.cat(clips),
        "references": torch.cat(references),
        "frames": frames,
        "reference_frames": views,
        "yaw": motions.yaw.contiguous(),
        "pitch": motions.pitch.contiguous(),
    }
    return tensors, captions


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config")
    parser.add_argument("run")
    parser.add_argument("--worker", default="0/1", help="this process's share, as INDEX/COUNT")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    arguments = parser.parse_args()
    config = read_config(arguments.config)
    data = config["data"]
    folder = Path(arguments.run) / "clips"
    folder.mkdir(parents=True, exist_ok=True)
    worker, workers = map(int, arguments.worker.split("/"))
    torch.set_grad_enabled(False)
    for shard in range(worker, data["num_clips"] // data["clips_per_shard"], workers):
        path = folder / f"{shard:05d}.safetensors"
        if path.exists():
            continue
        whole = shard % data.get("whole_every", 1) == 0
        tensors, captions = render_shard(data, config["seed"] * 100_003 + shard, arguments.device, whole)
        partial = path.with_suffix(".partial")
        save_file(tensors, partial, metadata={"captions": json.dumps(captions)})
        partial.rename(path)
        print(path, flush=True)


if __name__ == "__main__":
    main()
