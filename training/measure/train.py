"""Train the measuring network on rendered people; never on a generated frame.

    python -m training.measure.people training/config/measure.json RUN
    python -m training.measure.train  training/config/measure.json RUN

Pictures are softened, shrunk, noised and shifted at random, so that a generated frame's softness is no news to the network; they
are never mirrored, because a side is what it must tell. Checkpoints to RUN/network.pt and resumes; ends with RUN/network.safetensors.
"""

import argparse
import json
import time
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional as F

from training.files import Ema, append_metrics, save_atomically, stop_asked
from training.measure.network import ArcFace, FaceNetwork, pose_loss, save_network

# Fewer pixels than this of a trait count as not in view.
SEEN_PIXELS = 4


def load_people(folder):
    """-> images uint8 [P, V, 3, S, S], poses [P, V, 3], trait_pixels [P, V, traits]"""
    shards = [load_file(path) for path in sorted(Path(folder).glob("*.safetensors"))]
    if not shards:
        raise FileNotFoundError(f"{folder} must hold rendered people, got none: run training.measure.people first.")
    return tuple(torch.cat([shard[name] for shard in shards]) for name in ("images", "poses", "trait_pixels"))


def augment(images: Tensor, generator: torch.Generator) -> Tensor:
    """[N, 3, S, S] in [-1, 1], each shifted, scaled, lit, softened and noised at random."""
    n, size = len(images), images.shape[-1]

    def uniform(low, high, *shape):
        return low + (high - low) * torch.rand(n, *shape, generator=generator)

    zoom, shift = uniform(0.92, 1.08), uniform(-0.08, 0.08, 2)
    theta = torch.zeros(n, 2, 3)
    theta[:, 0, 0] = theta[:, 1, 1] = zoom
    theta[:, :, 2] = shift
    images = F.grid_sample(images, F.affine_grid(theta, images.shape, align_corners=False), padding_mode="border", align_corners=False)
    small = int(size * (0.35 + 0.65 * torch.rand((), generator=generator)))
    softened = torch.rand(n, 1, 1, 1, generator=generator) < 0.5
    shrunk = F.interpolate(images, size=(small, small), mode="bilinear", antialias=True)
    grown = F.interpolate(shrunk, size=(size, size), mode="bicubic")
    images = torch.where(softened, grown, images)
    images = images * uniform(0.85, 1.15, 1, 1, 1) + uniform(-0.1, 0.1, 3, 1, 1)
    noise = torch.randn(images.shape, generator=generator) * uniform(0, 0.12, 1, 1, 1)
    return (images + noise * (torch.rand(n, 1, 1, 1, generator=generator) < 0.5)).clamp(-1, 1)


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config")
    parser.add_argument("run")
    arguments = parser.parse_args(argv)
    config, run = json.loads(Path(arguments.config).read_text()), Path(arguments.run)
    settings = config["training"]
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(settings["seed"])
    images, poses, trait_pixels = load_people(run / "people")
    views = images.shape[1]
    network = FaceNetwork(**config["network"]).to(device, memory_format=torch.channels_last)
    people = ArcFace(len(images), config["network"]["embedding"], settings["margin"], settings["scale"]).to(device)
    modules = torch.nn.ModuleList([network, people])
    rate = settings["learning_rate"]
    optimizer = torch.optim.AdamW(modules.parameters(), lr=rate, weight_decay=settings["weight_decay"])
    ema = Ema(network, settings["ema_decay"])
    step, checkpoint = 0, run / "network.pt"
    if checkpoint.exists():
        state = torch.load(checkpoint, map_location=device)
        modules.load_state_dict(state["modules"])
        optimizer.load_state_dict(state["optimizer"])
        ema.load_state_dict(state["ema"])
        step = state["step"]

    def save():
        state = {"modules": modules.state_dict(), "optimizer": optimizer.state_dict(), "ema": ema.state_dict(), "step": step}
        save_atomically(state, checkpoint)

    saved = time.time()
    while step < settings["steps"] and not stop_asked(run):
        generator = torch.Generator().manual_seed(settings["seed"] * 1_000_003 + step)
        index = torch.randint(len(images) * views, (settings["batch_size"],), generator=generator)
        person, view = index // views, index % views
        batch = augment(images[person, view].float() / 127.5 - 1, generator).to(device, memory_format=torch.channels_last)
        progress = step / settings["steps"]
        for group in optimizer.param_groups:
            group["lr"] = rate * min((step + 1) / settings["warmup_steps"], 1.02 - progress)
        with torch.autocast(device, dtype=torch.bfloat16):
            who, pose, traits = network.train()(batch)
        seen = (trait_pixels[person, view] >= SEEN_PIXELS).float().to(device)
        losses = {
            "identity": people(who, person.to(device)),
            "pose": pose_loss(pose, poses[person, view].to(device)),
            "trait": F.binary_cross_entropy_with_logits(traits, seen),
        }
        loss = sum(settings[f"{name}_weight"] * value for name, value in losses.items())
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(modules.parameters(), 5.0)
        optimizer.step()
        ema.update(network)
        step += 1
        if step % 50 == 0:
            values = {name: round(value.item(), 4) for name, value in losses.items()}
            append_metrics(run, "network", step=step, **values)
            print(step, values, flush=True)
        if time.time() - saved > 120:
            save()
            saved = time.time()
    save()
    ema.copy_to(network)
    save_network(network, config["network"], run / "network.safetensors")


if __name__ == "__main__":
    main()
