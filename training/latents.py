"""What stage 4 trains on from scratch: every cached latent, in memory, and the batch of every step."""

import json
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file

from training.clips import Clips
from training.text import tokenize


class LatentData:
    """Clips as they were cached, normalised: about 150 KB each at toy size. Some may hold a part of their frames only."""

    def __init__(self, config, run, tokenizer):
        paths = sorted((Path(run) / "latents").glob("*.safetensors"))
        statistics = json.loads((Path(run) / "latents/statistics.json").read_text())
        mean = torch.tensor(statistics["latents_mean"]).view(-1, 1, 1)
        std = torch.tensor(statistics["latents_std"]).view(-1, 1, 1)
        self.clips, self.frames, self.traits, references = [], [], [], []
        for path in paths:
            shard = load_file(path)
            self.clips += ((shard["clips"].float() - mean[:, None]) / std[:, None]).half().unbind()
            # Older runs say nothing: they hold whole clips.
            whole = torch.arange(shard["clips"].shape[2]).repeat(len(shard["clips"]), 1)
            self.frames += shard.get("frames", whole).unbind()
            references.append(((shard["references"].float() - mean) / std).half())
            if config["training"]["trait_weight"]:
                self.traits += load_file(Path(run) / "trait_maps" / path.name)["traits"].unbind()
        self.references = torch.cat(references)
        captions = captions_of(paths, run)[: len(self.clips)]
        max_length = config["text"]["max_length"]
        self.input_ids, self.attention_mask = tokenize(tokenizer, captions, max_length)
        self.empty_ids, self.empty_mask = tokenize(tokenizer, [""], max_length)
        self.settings, self.masking, self.seed = config["training"], config["region_masking"], config["seed"]
        self.num_frames = max(len(frames) for frames in self.frames)
        self.whole = torch.tensor([i for i, frames in enumerate(self.frames) if len(frames) == self.num_frames])

    def __len__(self):
        return len(self.clips)

    def batch(self, step, progress, process=0, processes=1):
        """The share of one process: (latents, references, sigma, noise, input_ids, attention_mask, weights, frames).

        `weights` [B, 1, T, h, w] says how much each place counts, None that all do alike. One bucket: every sample has the same number of references, and of frames, whose places are `frames` [B, T].
        """
        settings, size = self.settings, self.settings["batch_size"]
        seed = (self.seed + step) * 1_000_003
        generator = torch.Generator().manual_seed(seed)
        share = slice(process * size // processes, (process + 1) * size // processes)

        def chance(*shape):
            return torch.rand(shape, generator=generator)

        if progress < settings["whole_clips_from"]:
            index = torch.randint(len(self.clips), (size,), generator=generator)
            order = chance(size, self.num_frames)
            count = min(settings["frames_per_clip"], min(len(self.frames[i]) for i in index))
            kept = [order[row, : len(self.frames[i])].argsort()[:count].sort().values for row, i in enumerate(index)]
        else:
            index = self.whole[torch.randint(len(self.whole), (size,), generator=generator)]
            kept = [torch.arange(self.num_frames)] * size
        latents = torch.stack([self.clips[i][:, keep] for i, keep in zip(index[share], kept[share])]).float()
        frames = torch.stack([self.frames[i][keep] for i, keep in zip(index[share], kept[share])])
        weights = None
        if settings["trait_weight"]:
            maps = torch.stack([self.traits[i][keep] for i, keep in zip(index[share], kept[share])])
            weights = 1 + settings["trait_weight"] * maps[:, None].float() / 255
        choices = settings["num_references"]
        n = choices[torch.randint(len(choices), (), generator=generator)]
        dropped = chance() < settings["reference_dropout"]
        references = None
        if not dropped:
            views = chance(size, self.references.shape[1]).argsort(dim=1)[:, :n]
            masked = (chance(size, 1) < self.masking["probability"]) & torch.tensor(self.masking["enabled"])
            draw = torch.randint(1, self.references.shape[2], (size, n), generator=generator)
            references = self.references[index[:, None], views, draw * masked][share].float().transpose(1, 2)
        no_text = chance(size) < (0.5 if dropped else settings["text_dropout"])
        input_ids = torch.where(no_text[:, None], self.empty_ids, self.input_ids[index])
        attention_mask = torch.where(no_text[:, None], self.empty_mask, self.attention_mask[index])
        sigma = torch.sigmoid(torch.randn(size, generator=generator))
        shift = settings["timestep_shift"]
        sigma = shift * sigma / (1 + (shift - 1) * sigma)
        # Large beside everything else: each process draws its own samples' only.
        noise = torch.stack(
            [torch.randn(latents.shape[1:], generator=generator.manual_seed(seed + 1 + i)) for i in range(size)[share]]
        )
        return latents, references, sigma[share], noise, input_ids[share], attention_mask[share], weights, frames


def captions_of(latents, run):
    """Kept beside the latents, so that the clips are not needed any more; with the clips only in older runs."""
    texts = [(safe_open(path, "pt").metadata() or {}).get("captions") for path in latents]
    return [caption for text in texts for caption in json.loads(text)] if all(texts) else Clips(run).captions()
