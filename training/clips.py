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
        shard = 0
        while index >= self.sizes[shard]:
            index -= self.sizes[shard]
            shard += 1
        return self.shards[shard].get_slice(name)[(slice(index, index + 1), *slices)]


def to_model_range(images):
    """uint8 [..., 3, H, W] -> float in [-1, 1]"""
    return images.float() / 127.5 - 1
