"""From a folder of clips to batches: shapes, what is encoded and when anew, and what a step draws."""

import json

import pytest
import torch
from safetensors.torch import load_file

from training import cache_clips
from training.buckets import Bucket, CachedClips, choose_bucket, sides
from training.dataset import read_clip, read_reference, read_rows
from training.files import read_config
from training.noise_levels import draw_sigma
from training.tests.toy_wan import toy_clips, toy_fine_tuning, toy_wan

DATA = {"areas": [399360, 921600], "num_frames": [17, 49, 81], "side_step": 16}


def test_a_clip_takes_the_largest_shape_that_it_fills():
    assert choose_bucket(832, 480, 81, DATA) == Bucket(81, 480, 832)
    assert choose_bucket(1920, 1080, 80, DATA) == Bucket(49, 720, 1280)
    assert choose_bucket(480, 848, 17, DATA) == Bucket(17, 832, 480)
    assert choose_bucket(832, 472, 81, DATA) is None
    assert choose_bucket(832, 480, 16, DATA) is None


@pytest.mark.parametrize("aspect", [0.3, 0.5625, 1.0, 1.5, 1.7778, 2.4])
def test_sides_are_multiples_near_the_aspect_and_within_the_area(aspect):
    height, width = sides(aspect, 399360, 32)
    assert height % 32 == width % 32 == 0
    assert 0.8 * 399360 < height * width <= 399360
    assert abs(width / height / aspect - 1) < 0.1


@pytest.fixture(scope="module")
def cached(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cached")
    base = toy_wan(folder / "base", "2.1", heads=2, layers=1)
    clips = toy_clips(folder / "clips")
    config = toy_fine_tuning(folder / "run", base, clips)
    cache_clips.main([str(config), str(folder / "run")])
    return folder


def test_clips_and_references_are_cut_to_their_bucket(cached):
    rows = read_rows(cached / "clips")
    clip = read_clip(rows[0].clip, 9, 8, 64, 96)
    assert clip.shape == (9, 3, 64, 96)
    # The red disc is found in every frame, and moves to the left.
    red = (clip[:, 0].float() - clip[:, 1].float() > 60).float()
    centres = (red.sum(1) * torch.arange(96)).sum(1) / red.sum((1, 2))
    assert (centres[1:] - centres[:-1] < 0).all()
    view = read_reference(rows[0].references[0], 64, 96)
    assert view.shape == (3, 64, 96)
    assert (view[:, :, :5] == 255).all() and (view[:, :, -5:] == 255).all()


def test_half_the_rate_takes_every_other_frame(cached):
    path = read_rows(cached / "clips")[0].clip
    assert torch.equal(read_clip(path, 5, 4, 64, 96), read_clip(path, 9, 8, 64, 96)[::2])


def test_a_clip_that_is_too_short_is_left_out_and_two_buckets_remain(cached):
    index = json.loads((cached / "run/latents/index.json").read_text())
    assert [clip["bucket"] for clip in index["clips"]] == [[9, 64, 96], [13, 64, 64]] * 3
    tensors = load_file(cached / "run/latents/00001.safetensors")
    assert tensors["clip"].shape == (16, 4, 8, 8)
    assert tensors["references"].shape == (2, 2, 16, 8, 8)
    assert tensors["text"].shape[1] == 32 and len(tensors["text"]) <= index["text_length"] == 24


def test_latents_are_normalised_and_text_is_as_the_pipeline_encodes_it(cached):
    config = read_config(cached / "run/config.json")
    encoders, row = cache_clips.Encoders(config), read_rows(cached / "clips")[0]
    pixels = read_clip(row.clip, 9, 8, 64, 96).float().transpose(0, 1)[None] / 127.5 - 1
    with torch.no_grad():
        raw = encoders.vae.encode(pixels).latent_dist.mode()[0]
        prompt, _ = encoders.pipeline.encode_prompt(row.caption, do_classifier_free_guidance=False, max_sequence_length=24)
    tensors = load_file(cached / "run/latents/00000.safetensors")
    torch.testing.assert_close(tensors["clip"].float(), (raw - 0.01) / 0.1, rtol=2e-3, atol=2e-3)
    assert torch.equal(torch.nn.functional.pad(tensors["text"], (0, 0, 0, 24 - len(tensors["text"]))), prompt[0])


def test_only_what_changed_is_encoded_again(cached, capsys):
    config = cached / "run/config.json"
    cache_clips.main([str(config), str(cached / "run")])
    assert "00000.safetensors" not in capsys.readouterr().out
    changed = json.loads(config.read_text())
    changed["region_masking"]["ratio"] = 0.5
    other = cached / "run/other.json"
    other.write_text(json.dumps(changed))
    before = load_file(cached / "run/latents/00000.safetensors")
    cache_clips.main([str(other), str(cached / "run")])
    after = load_file(cached / "run/latents/00000.safetensors")
    assert torch.equal(before["clip"], after["clip"])
    assert torch.equal(before["references"][:, 0], after["references"][:, 0])
    assert not torch.equal(before["references"][:, 1], after["references"][:, 1])


def test_a_batch_shares_one_bucket_and_every_clip_comes_as_often(cached):
    config = read_config(cached / "run/config.json")
    data = CachedClips(config, cached / "run")
    assert len(data) == 5 and len(data.held_out) == 1
    seen = set()
    for step in range(40):
        latents, references, sigma, noise, text, *_ = data.batch(step, 0.0)
        assert latents.shape == noise.shape and latents.shape[:2] == (4, 16) and text.shape == (4, 24, 32)
        seen.add((latents.shape[2:], None if references is None else references.shape[2]))
        if references is not None:
            assert references.shape[3:] == latents.shape[3:]
    assert {shape for shape, _ in seen} == {(3, 8, 12), (4, 8, 8)}
    assert {count for _, count in seen} == {None, 1, 2}


def test_processes_share_a_batch_and_the_same_step_draws_the_same(cached):
    config = read_config(cached / "run/config.json")
    for step in range(6):
        whole = CachedClips(config, cached / "run").batch(step, 0.0)
        halves = [CachedClips(config, cached / "run").batch(step, 0.5, process, 2) for process in (0, 1)]
        for i, value in enumerate(whole):
            if value is None:
                assert halves[0][i] is None and halves[1][i] is None
            else:
                assert torch.equal(value, torch.cat([half[i] for half in halves]))


def test_noise_levels_keep_to_the_range_of_an_expert_and_to_their_distribution():
    uniform = (torch.arange(20000) + 0.5) / 20000
    sigma = draw_sigma(uniform, 3.0)
    normal = torch.randn(200000, generator=torch.Generator().manual_seed(0)).sigmoid()
    expected = 3 * normal / (1 + 2 * normal)
    assert (sigma.quantile(torch.linspace(0, 1, 21)[1:-1]) - expected.quantile(torch.linspace(0, 1, 21)[1:-1])).abs().max() < 5e-3
    high, low = draw_sigma(uniform, 3.0, 0.875, 1.0), draw_sigma(uniform, 3.0, 0.0, 0.875)
    assert high.min() >= 0.875 and low.max() <= 0.875
    above = sigma[sigma >= 0.875]
    assert abs(high.median() - above.median()) < 1e-3


@pytest.mark.parametrize(
    "line, message",
    [
        ("{", "clips.jsonl:1 must be JSON"),
        ('{"caption": "x", "references": ["a.png"]}', "clips.jsonl:1: clip must be a path, got None."),
        ('{"clip": "a.mp4", "caption": "x", "references": []}', "references must be a list of paths, at least one, got ."),
        ('{"clip": "a.mp4", "caption": "x", "references": ["a.png"]}', "a.mp4 must be a file, got none."),
    ],
)
def test_a_list_that_is_wrong_names_its_line(tmp_path, line, message):
    (tmp_path / "clips.jsonl").write_text(line + "\n")
    with pytest.raises((ValueError, FileNotFoundError), match=message.replace("[", r"\[")):
        read_rows(tmp_path)


def test_sizes_that_the_model_cannot_have_are_refused(cached):
    for field, value, message in (
        ("side_step", 24, "data.side_step must be a multiple of 16, the model's grid, got 24."),
        ("num_frames", [12], r"data.num_frames\[0\] must be a multiple of 4, plus 1, got 12."),
    ):
        config = read_config(cached / "run/config.json")
        config["data"][field] = value
        with pytest.raises(ValueError, match=message):
            cache_clips.check_grid(config)
