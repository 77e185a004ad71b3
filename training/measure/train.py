"""Train the measuring network on rendered people; never on a generated frame.

    python -m training.measure.people training/config/measure.json RUN
    python -m training.measure.train  training/config/measure.json RUN
    python -m training.measure.train  training/config/measure.json RUN --traits

Pictures are softened, shrunk, noised and shifted at random, so that a generated frame's softness is no news to the network; they
are never mirrored, because a side is what it must tell. First who and pose; then, with --traits, the tower that looks for traits,
and nothing else moves. Checkpoints to RUN/network.pt or RUN/traits.pt and resumes; ends with RUN/network.safetensors.
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
from training.measure.network import ArcFace, FaceNetwork, load_network, pose_loss, save_network
from training.precision import autocast

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


def draw(trait_pixels: Tensor, batch_size: int, for_traits: bool, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """-> person and view of every picture of a batch; for traits, which are rare, one picture in two shows one, each as often."""
    people, views, traits = trait_pixels.shape
    index = torch.randint(people * views, (batch_size,), generator=generator)
    if for_traits:
        showing = trait_pixels.flatten(0, 1) >= SEEN_PIXELS
        for place in range(batch_size // 2):
            choices = showing[:, place % traits].nonzero()[:, 0]
            index[place] = choices[torch.randint(len(choices), (), generator=generator)]
    return index // views, index % views


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config")
    parser.add_argument("run")
    parser.add_argument("--traits", action="store_true", help="train the tower for traits only, from RUN/network.safetensors")
    arguments = parser.parse_args(argv)
    config, run = json.loads(Path(arguments.config).read_text()), Path(arguments.run)
    settings = config["training"] | (config["traits"] if arguments.traits else {})
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(settings["seed"])
    images, poses, trait_pixels = load_people(run / "people")
    if arguments.traits:
        network = load_network(run / "network.safetensors").to(device)
        network.traits.requires_grad_(True)
    else:
        network = FaceNetwork(**config["network"]).to(device, memory_format=torch.channels_last)
        network.traits.requires_grad_(False)
    people = ArcFace(len(images), config["network"]["embedding"], settings["margin"], settings["scale"]).to(device)
    modules = torch.nn.ModuleList([network, people])
    trained = [value for value in (network if arguments.traits else modules).parameters() if value.requires_grad]
    rate = settings["learning_rate"]
    optimizer = torch.optim.AdamW(trained, lr=rate, weight_decay=settings["weight_decay"])
    ema = Ema(network, settings["ema_decay"])
    step, checkpoint = 0, run / ("traits.pt" if arguments.traits else "network.pt")
    if checkpoint.exists():
        state = torch.load(checkpoint, map_location=device)
        modules.load_state_dict(state["modules"])
        optimizer.load_state_dict(state["optimizer"])
        ema.load_state_dict(state["ema"])
        step = state["step"]

    def save():
        state = {"modules": modules.state_dict(), "optimizer": optimizer.state_dict(), "ema": ema.state_dict(), "step": step}
        save_atomically(state, checkpoint)

    def losses_of(batch, person, view):
        if arguments.traits:
            network.traits.train()
            seen = (trait_pixels[person, view] >= SEEN_PIXELS).float().to(device)
            return {"trait": F.binary_cross_entropy_with_logits(network.seen(batch), seen)}
        who, pose, _ = network.train()(batch)
        return {"identity": people(who, person.to(device)), "pose": pose_loss(pose, poses[person, view].to(device))}

    saved = time.time()
    while step < settings["steps"] and not stop_asked(run):
        generator = torch.Generator().manual_seed(settings["seed"] * 1_000_003 + step)
        person, view = draw(trait_pixels, settings["batch_size"], arguments.traits, generator)
        batch = augment(images[person, view].float() / 127.5 - 1, generator).to(device, memory_format=torch.channels_last)
        progress = step / settings["steps"]
        for group in optimizer.param_groups:
            group["lr"] = rate * min((step + 1) / settings["warmup_steps"], 1.02 - progress)
        with autocast(device):
            losses = losses_of(batch, person, view)
        loss = sum(settings[f"{name}_weight"] * value for name, value in losses.items())
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 5.0)
        optimizer.step()
        ema.update(network)
        step += 1
        if step % 50 == 0:
            values = {name: round(value.item(), 4) for name, value in losses.items()}
            append_metrics(run, "traits" if arguments.traits else "network", step=step, **values)
            print(step, values, flush=True)
        if time.time() - saved > 120:
            save()
            saved = time.time()
    save()
    ema.copy_to(network)
    save_network(network, config["network"], run / "network.safetensors")


if __name__ == "__main__":
    main()
