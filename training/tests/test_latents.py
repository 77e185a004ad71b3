"""Clips of which only some frames were rendered train at the places that those frames have."""

import json

import torch
from safetensors.torch import load_file, save_file

from training.files import read_config
from training.heads.motion import CAPTION_WORDS
from training.latents import LatentData
from training.reference_conditioning import ReferenceRotaryPosEmbed
from training.render_clips import render_shard
from training.tests.toy import toy_config, toy_latents
from training.text import build_tokenizer

DATA = {"clips_per_shard": 2, "num_frames": 9, "rendered_frames": 3, "size": 16, "fps": 8, "references_per_clip": 2}


def test_rendered_frames_are_those_of_the_whole_clip():
    some, captions = render_shard(DATA, seed=5, whole=False)
    whole, same_captions = render_shard(DATA, seed=5)
    assert captions == same_captions
    assert some["clips"].shape == (2, 3, 3, 16, 16) and whole["clips"].shape == (2, 9, 3, 16, 16)
    assert torch.equal(some["references"], whole["references"])
    for i, frames in enumerate(some["frames"]):
        difference = some["clips"][i].int() - whole["clips"][i, frames].int()
        assert difference.abs().max() <= 1


def data_of(folder, **training):
    config = read_config(toy_config(folder, **training))
    toy_latents(folder)
    tensors = load_file(folder / "latents/00000.safetensors")
    places = torch.tensor([[0, 2, 3], [1, 2, 4], [0, 1, 4], [2, 3, 4]])
    some = {
        "clips": tensors["clips"][:4].gather(2, places[:, None, :, None, None].expand(-1, 4, -1, 8, 8)),
        "references": tensors["references"][:4],
        "frames": places,
    }
    save_file(some, folder / "latents/00001.safetensors", metadata={"captions": json.dumps(["a person"] * 4)})
    tokenizer = build_tokenizer(CAPTION_WORDS, config["text"]["max_length"])
    return LatentData(config, folder, tokenizer), tensors["clips"]


def test_a_batch_says_where_its_frames_stand(tmp_path):
    data, clips = data_of(tmp_path, frames_per_clip=2)
    assert (len(data), data.num_frames, data.whole.tolist()) == (12, 5, list(range(8)))
    for step in range(10):
        latents, *_, frames = data.batch(step, 0.0)
        assert latents.shape == (4, 4, 2, 8, 8) and frames.shape == (4, 2)
        for clip, places in zip(latents, frames):
            assert any(torch.equal(clip.half(), whole[:, places]) for whole in clips)


def test_the_last_part_takes_whole_clips_only(tmp_path):
    data, _ = data_of(tmp_path, whole_clips_from=0.5)
    latents, *_, frames = data.batch(0, 0.6)
    assert latents.shape[2] == 5 and frames.tolist() == [[0, 1, 2, 3, 4]] * 4


def test_kept_frames_have_the_positions_of_the_whole_clip():
    rope = ReferenceRotaryPosEmbed(24, (1, 2, 2), "rd-rope", 1)
    whole = rope(torch.zeros(1, 4, 6, 4, 4))[0].view(6, 4, 24)
    rope.kept_frames, rope.num_frames = torch.tensor([[0, 5], [2, 3]]), 6
    kept = rope(torch.zeros(2, 4, 2, 4, 4))[0].view(2, 2, 4, 24)
    for sample, places in zip(kept, rope.kept_frames):
        assert torch.equal(sample, whole[places])
