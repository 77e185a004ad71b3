"""Clips of different shapes: which shape each is brought to, and batches whose samples share one.

A bucket is a number of frames, a height and a width. A clip takes the largest area of `data.areas` that it has the pixels for, the
sides of that area nearest to its own shape, and the largest of `data.num_frames` that it is long enough for.
"""

import json
import math
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import safe_open
from safetensors.torch import load_file

from training.noise_levels import draw_sigma


class Bucket(NamedTuple):
    frames: int
    height: int
    width: int


def choose_bucket(width: int, height: int, frames: int, settings) -> Bucket | None:
    """Of a clip of that many frames at data.fps. settings: the config's `data`. -> None where it is too small or too short"""
    lengths = [n for n in settings["num_frames"] if n <= frames]
    areas = [area for area in settings["areas"] if area <= width * height]
    if not lengths or not areas:
        return None
    return Bucket(max(lengths), *sides(width / height, max(areas), settings["side_step"]))


def sides(aspect: float, area: int, step: int):
    """(height, width), multiples of step, at most `area` pixels, with width / height nearest to aspect."""
    candidates = []
    for width in range(step, area // step + 1, step):
        height = area // width // step * step
        if height:
            candidates.append((abs(math.log(width / height / aspect)), -width * height, height, width))
    return min(candidates)[2:]


class CachedClips:
    """What training.cache_clips wrote; read from the files as it is needed.

    Takes the place of training.train.LatentData: data, noise and dropout depend on the seed and the step alone.
    """

    num_frames = None  # of longer clips than those of the batch: there are none

    def __init__(self, config, run, noise_levels=(0.0, 1.0)):
        self.folder = Path(run) / "latents"
        index = json.loads((self.folder / "index.json").read_text())
        clips = index["clips"]
        held_out = config["data"]["held_out"]
        if held_out >= len(clips):
            raise ValueError(f"data.held_out must be below the number of cached clips, {len(clips)}, got {held_out}.")
        self.held_out, self.clips = clips[:held_out], clips[held_out:]
        self.buckets = {}
        for i, clip in enumerate(self.clips):
            self.buckets.setdefault(Bucket(*clip["bucket"]), []).append(i)
        self.text_length = index["text_length"]
        self.empty_text = load_file(self.folder / "empty_text.safetensors")["text"]
        self.settings, self.masking, self.seed = config["training"], config["region_masking"], config["seed"]
        self.noise_levels = noise_levels

    def __len__(self):
        return len(self.clips)

    def batch(self, step, progress, process=0, processes=1):
        """The share of one process: latents [b, C, T, h, w], references [b, C, n, h, w] or None, sigma [b], noise like
        latents, text [b, L, text_dim], and three that are None. `progress` changes nothing here."""
        settings, size = self.settings, self.settings["batch_size"]
        seed = (self.seed + step) * 1_000_003
        generator = torch.Generator().manual_seed(seed)
        share = slice(process * size // processes, (process + 1) * size // processes)

        def chance(*shape):
            return torch.rand(shape, generator=generator)

        # A clip first and then others of its bucket, so that every clip comes as often as every other.
        first = torch.randint(len(self.clips), (), generator=generator).item()
        members = torch.tensor(self.buckets[Bucket(*self.clips[first]["bucket"])])
        index = members[torch.randint(len(members), (size,), generator=generator)].tolist()
        index[0] = first
        choices = settings["num_references"]
        n = choices[torch.randint(len(choices), (), generator=generator)]
        n = min(n, *(self.clips[i]["references"] for i in index))
        dropped = chance() < settings["reference_dropout"]
        masked = (chance(size) < self.masking["probability"]) & torch.tensor(self.masking["enabled"])
        no_text = chance(size) < (0.5 if dropped else settings["text_dropout"])
        uniform = chance(size).clamp(1e-6, 1 - 1e-6)
        orders = [chance(self.clips[i]["references"]).argsort()[:n] for i in index]
        draws = torch.randint(1, self.masking["encodings"] + 1, (size, n), generator=generator) if masked.any() else None
        sigma = draw_sigma(uniform, settings["timestep_shift"], *self.noise_levels)

        latents, references, texts, noise = [], [], [], []
        for i in range(size)[share]:
            with safe_open(self.folder / self.clips[index[i]]["file"], "pt") as file:
                latents.append(file.get_tensor("clip").float())
                views = file.get_slice("references")
                variants = draws[i] if masked[i] else torch.zeros(n, dtype=torch.long)
                references.append(torch.stack([views[view, variant] for view, variant in zip(orders[i].tolist(), variants.tolist())]))
                text = self.empty_text if no_text[i] else file.get_tensor("text")
            texts.append(padded(text, self.text_length))
            noise.append(torch.randn(latents[0].shape, generator=generator.manual_seed(seed + 1 + i)))
        references = None if dropped else torch.stack(references).float().transpose(1, 2)
        return torch.stack(latents), references, sigma[share], torch.stack(noise), torch.stack(texts), None, None, None


def padded(text: torch.Tensor, length: int):
    """Embeddings [l, d] with rows of zeros up to [length, d], as Wan's pipelines feed them."""
    return torch.nn.functional.pad(text.float(), (0, 0, 0, length - len(text)))
