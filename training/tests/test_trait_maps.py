"""Where the clips show a trait, and that a training counts those places more."""

import json

import torch
from safetensors.torch import load_file, save_file

from training.clips import Clips
from training.files import read_config
from training.heads import sample_clips
from training.heads.motion import CAPTION_WORDS
from training.latents import LatentData
from training.measure.people import TRAITS
from training.render_clips import render_shard
from training.tests.toy import toy_config, toy_latents
from training.text import build_tokenizer
from training.train_vae import reconstruction_loss, sample_batch
from training.trait_maps import shard_maps, trait_map

DATA = {"clips_per_shard": 4, "num_frames": 5, "rendered_frames": 3, "size": 64, "fps": 8, "references_per_clip": 2}


def test_a_cell_counts_by_its_changed_pixels():
    plain = torch.full((1, 3, 16, 16), 0.5)
    clip = plain.clone()
    clip[0, 0, 0:2, 8:11] += 0.2  # six pixels of the cell above right
    clip[0, 1, 9:12, 1] -= 0.2  # three of the one below left
    clip[0, :, 12, 12] += 0.01  # too little to be seen
    assert trait_map(clip, plain)[0].tolist() == [[0, 255], [128, 0]]


def test_maps_mark_the_heads_that_have_a_trait_and_no_others():
    seed = 3
    tensors, _ = render_shard(DATA, seed)
    maps = shard_maps(DATA, seed, tensors)
    assert maps.shape == (4, 5, 8, 8)
    identities = sample_clips(4, 5, torch.Generator().manual_seed(seed), 8)[0]
    marked = torch.stack([getattr(identities, side) != 0 for side in TRAITS.values()]).any(0)
    assert marked.any() and not marked.all()  # or the seed shows nothing
    assert not maps[~marked].any()
    assert maps[marked].any() and (maps > 0).float().mean() < 0.2


def test_a_batch_says_what_each_place_counts(tmp_path):
    config = read_config(toy_config(tmp_path, trait_weight=3.0, frames_per_clip=2))
    toy_latents(tmp_path)
    maps = torch.zeros(8, 5, 8, 8, dtype=torch.uint8)
    maps[:, 4, 0, 0] = 255
    (tmp_path / "trait_maps").mkdir()
    save_file({"traits": maps}, tmp_path / "trait_maps/00000.safetensors")
    data = LatentData(config, tmp_path, build_tokenizer(CAPTION_WORDS, config["text"]["max_length"]))
    for step in range(5):
        *_, weights, frames = data.batch(step, 0.0)
        assert weights.shape == (4, 1, 2, 8, 8)
        assert torch.equal(weights[:, 0, :, 0, 0], 1 + 3 * (frames == 4).float())
        assert torch.all(weights[:, 0, :, 1:] == 1)


def test_the_vae_counts_the_same_pixels(tmp_path):
    config = read_config(toy_config(tmp_path))
    config["data"] |= DATA
    config["vae_training"] |= {"trait_weight": 2.0, "frames_per_batch": 16, "clip_lengths": [1]}
    tensors, captions = render_shard(DATA, 3)
    for name in ("clips", "trait_maps"):
        (tmp_path / name).mkdir()
    save_file(tensors, tmp_path / "clips/00000.safetensors", metadata={"captions": json.dumps(captions)})
    save_file({"traits": shard_maps(DATA, 3, tensors)}, tmp_path / "trait_maps/00000.safetensors")
    video, weights = sample_batch(Clips(tmp_path), config, torch.Generator().manual_seed(0))
    assert weights.shape == (16, 1, 1, 64, 64) and video.shape == (16, 3, 1, 64, 64)
    assert weights.min() == 1 and 2 < weights.max() <= 3
    maps = load_file(tmp_path / "trait_maps/00000.safetensors")["traits"]
    row, column = next(tuple(place[2:].tolist()) for place in (maps == 255).nonzero())
    shown = Clips(tmp_path).trait_weights((maps == 255).nonzero()[0, 0].item(), slice(0, 5), 2.0)
    assert (shown[0, :, 0, row * 8 : row * 8 + 8, column * 8 : column * 8 + 8] == 3).flatten(1).all(1).any()
    off = video.clone()
    off += weights > 1
    assert reconstruction_loss(off, video, weights, 0.5) > 1.9 * reconstruction_loss(off, video, torch.ones_like(weights), 0.5)
