"""Reading rendered clips: memory-mapped shards, random access."""

import json
from pathlib import Path

import torch
from safetensors import safe_open


class Clips:
    """All shards of RUN/clips that exist now. Images come as float in [-1, 1], the range of the VAE."""

    def __init__(self, run):
        self.paths = sorted((Path(run) / "clips").glob("*.safetensors"))
        if not self.paths:
            raise FileNotFoundError(f"{run}/clips must hold rendered clips, got none: run training.render_clips first.")
        self.shards = [safe_open(path, "pt") for path in self.paths]
        self.sizes = [shard.get_slice("yaw").get_shape()[0] for shard in self.shards]
        self.maps = [safe_open(path, "pt") for path in sorted((Path(run) / "trait_maps").glob("*.safetensors"))]

    def __len__(self):
        return sum(self.sizes)

    def num_frames(self, index):
        """How many frames of clip `index` were rendered."""
        return self.get("frames", index).shape[1]

    def captions(self):
        return [caption for shard in self.shards for caption in json.loads(shard.metadata()["captions"])]

    def all(self, name):
        """One small tensor of every clip, such as "yaw"."""
        return torch.cat([shard.get_tensor(name) for shard in self.shards])

    def get(self, name, index, *slices):
        shard, place = self.find(index)
        return self.shards[shard].get_slice(name)[(slice(place, place + 1), *slices)]

    def trait_weights(self, index, frames: slice, weight):
        """What each pixel of frames of clip `index` counts, from training.trait_maps. -> float [1, F, 1, S, S]"""
        shard, place = self.find(index)
        maps = self.maps[shard].get_slice("traits")[place : place + 1, frames].float() / 255
        pixels = 8  # a cell of training.trait_maps
        return 1 + weight * maps.repeat_interleave(pixels, 2).repeat_interleave(pixels, 3)[:, :, None]

    def find(self, index):
        """-> (shard, place in it)"""
        shard = 0
        while index >= self.sizes[shard]:
            index -= self.sizes[shard]
            shard += 1
        return shard, index


def to_model_range(images):
    """uint8 [..., 3, H, W] -> float in [-1, 1]"""
    return images.float() / 127.5 - 1
