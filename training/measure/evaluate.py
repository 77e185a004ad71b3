"""How well the measuring network measures, on people that it never saw: rendered truth only.

    python -m training.measure.evaluate training/config/measure.json RUN training/measure/network.json

Pose error, verification and trait recognition by the yaw of the picture. Every figure of training.measure.score leans on these.
"""

import argparse
import json
from pathlib import Path

import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor

from training.measure.network import load_network
from training.measure.people import TRAITS, render_people
from training.measure.train import SEEN_PIXELS, augment

BINS = {"0-30": (0, 30), "30-60": (30, 60), "60-90": (60, 180)}


def bin_masks(yaw: Tensor) -> dict[str, Tensor]:
    """By |yaw| in degrees; a head beyond 90 counts as full profile."""
    return {name: (yaw.abs() >= low) & (yaw.abs() < high) for name, (low, high) in BINS.items()}


@torch.no_grad()
def look(network, images: Tensor, batch: int = 256):
    """images uint8 [..., 3, H, W] -> who [..., E], pose [..., 3] in degrees, traits [..., T] probabilities of being in view"""
    flat = images.flatten(0, -4)
    device = next(network.parameters()).device
    parts = [network((part.to(device).float() / 127.5 - 1)) for part in flat.split(batch)]
    who, pose, traits = (torch.cat(values).cpu().unflatten(0, images.shape[:-3]) for values in zip(*parts))
    return who, pose, traits.sigmoid()


def verification(who: Tensor, yaw: Tensor, people: Tensor) -> dict:
    """AUC of "the same person?" over pairs of pictures, by the bins of the two. who [N, E], yaw [N], people [N]"""
    similarity = who @ who.T
    same = people[:, None] == people[None]
    once = torch.ones_like(same).triu(1)
    masks, result = bin_masks(yaw), {}
    for i, (a, in_a) in enumerate(masks.items()):
        for b, in_b in list(masks.items())[i:]:
            pairs = ((in_a[:, None] & in_b[None]) | (in_b[:, None] & in_a[None])) & once
            result[f"{a} and {b}"] = round(float(roc_auc_score(same[pairs], similarity[pairs])), 4)
    return result


def retrieval(who: Tensor, yaw: Tensor, people: Tensor, gallery_size: int = 64) -> dict:
    """Top-1 of each picture among as many people as gallery_size, each known by the mean of the other pictures."""
    hits, yaws = [], []
    for start in range(0, int(people.max()) + 1 - gallery_size + 1, gallery_size):
        inside = (people >= start) & (people < start + gallery_size)
        own, codes = people[inside] - start, who[inside]
        sums = torch.zeros(gallery_size, codes.shape[1]).index_add(0, own, codes)
        for code, person in zip(codes, own):
            gallery = sums.clone()
            gallery[person] -= code
            hits.append(int((torch.nn.functional.normalize(gallery, dim=1) @ code).argmax()) == int(person))
        yaws.append(yaw[inside])
    hits, yaws = torch.tensor(hits).float(), torch.cat(yaws)
    return {"all": share(hits)} | {name: share(hits[mask]) for name, mask in bin_masks(yaws).items()}


def share(hits: Tensor) -> float:
    return round(float(hits.float().mean()), 4)


def evaluate(network, images: Tensor, poses: Tensor, trait_pixels: Tensor) -> dict:
    """images [P, V, ...] and their truth, as render_people makes them."""
    who, pose, traits = (value.flatten(0, 1) for value in look(network, images))
    truth, pixels = poses.flatten(0, 1), trait_pixels.flatten(0, 1)
    yaw = truth[:, 0]
    people = torch.arange(len(images)).repeat_interleave(images.shape[1])
    error = (pose - truth).abs()
    degrees = {
        name: {axis: round(float(error[mask, i].mean()), 2) for i, axis in enumerate(("yaw", "pitch", "roll"))}
        for name, mask in bin_masks(yaw).items()
    }
    seen, clear = pixels >= SEEN_PIXELS, (pixels >= SEEN_PIXELS) | (pixels == 0)
    recognised = {}
    for index, trait in enumerate(TRAITS):
        use, said = clear[:, index], traits[:, index]
        recognised[trait] = {
            "auc": round(float(roc_auc_score(seen[use, index], said[use])), 4),
            "recall": share(said[use & seen[:, index]] > 0.5),
            "false alarms": share(said[use & ~seen[:, index]] > 0.5),
        }
    return {
        "people": len(images), "pictures": len(yaw), "mean_absolute_error_degrees": degrees,
        "verification_auc": verification(who, yaw, people), "top1_of_64": retrieval(who, yaw, people), "traits": recognised,
    }  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config")
    parser.add_argument("run")
    parser.add_argument("out")
    arguments = parser.parse_args()
    data = json.loads(Path(arguments.config).read_text())["held_out"]
    torch.set_grad_enabled(False)
    network = load_network(Path(arguments.run) / "network.safetensors")
    tensors = render_people(data["num"], 96, data["seed"])
    images, poses, pixels = tensors["images"], tensors["poses"], tensors["trait_pixels"]
    generator = torch.Generator().manual_seed(data["seed"])
    soft = torch.cat([augment(part.float() / 127.5 - 1, generator) for part in images.flatten(0, 1).split(64)])
    soft = ((soft + 1) * 127.5).round().to(torch.uint8).view_as(images)
    result = {"seed": data["seed"], "renders": evaluate(network, images, poses, pixels), "softened": evaluate(network, soft, poses, pixels)}
    Path(arguments.out).write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
