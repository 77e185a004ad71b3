"""Intervals that cover what they should, and the whole ablation at toy size."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from training import cache_latents, render_clips, train_vae
from training.ablation.plots import plot
from training.ablation.results import read_results
from training.ablation.run import Ablation, overridden
from training.measure.statistics import Measured, difference, estimate
from training.ablation.table import COLUMNS, cell, tables
from training.measure.network import FaceNetwork, save_network
from training.tests.toy import toy_config

NETWORK = {"widths": [8, 8, 8, 8], "blocks": [1, 1, 1, 1], "embedding": 16}


def measured(values, counts=None):
    counts = counts or [1] * len(values)
    return Measured([[{"figure": [value, count]} for value, count in zip(values, counts)]])


def test_a_figure_is_a_ratio_of_sums():
    assert measured([1, 9], [1, 3]).value("figure") == 2.5


def test_the_interval_covers_the_mean_of_the_population():
    generator = np.random.default_rng(1)
    hits = 0
    for _ in range(40):
        _, low, high = estimate(measured(generator.normal(0.5, 0.2, 64).tolist()), "figure")
        hits += low <= 0.5 <= high
    assert hits >= 34


def test_a_paired_difference_is_surer_than_two_figures():
    generator = np.random.default_rng(2)
    people = generator.normal(0.5, 0.3, 64)
    a, b = measured((people + 0.05 + generator.normal(0, 0.02, 64)).tolist()), measured(people.tolist())
    value, low, high = difference(a, b, "figure")
    assert 0 < low < value < high
    assert estimate(b, "figure")[2] > estimate(a, "figure")[1]


def test_seeds_are_averaged_within_a_person():
    two = Measured([[{"figure": [1, 1]}, {"figure": [0, 1]}], [{"figure": [0, 1]}, {"figure": [1, 1]}]])
    assert estimate(two, "figure") == (0.5, 0.5, 0.5)


def test_overrides_name_fields_that_exist():
    config = {"training": {"steps": 1}}
    assert overridden(config, {"training.steps": 2}, {"training.steps": 3})["training"]["steps"] == 3
    assert config["training"]["steps"] == 1


@pytest.fixture(scope="module")
def ablation(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ablation")
    config, run = toy_config(folder), folder / "run"
    for stage in (render_clips, train_vae, cache_latents):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("sys.argv", ["stage", str(config), str(run)])
            stage.main()
        torch.set_grad_enabled(True)
    torch.manual_seed(0)
    save_network(FaceNetwork(**NETWORK).eval(), NETWORK, run / "network.safetensors")
    settings = {
        "config": "config.json", "overrides": {}, "base": {"captions": {"steps": 2, "overrides": {"training.reference_dropout": 1.0}}, "one": {"steps": 1, "overrides": {"training.num_references": [1]}}},
        "cell": {"steps": 2, "overrides": {}}, "seeds": [1], "single_view_variants": ["single-view"],
        "one_and_several_views": ["full"],
        "evaluation": {"identities": 2, "references": 3, "steps": 2, "text": 2.0, "image": 1.5, "seed": 0},
        "variants": {
            "single-view": {"training.num_references": [1]}, "full": {"reference_conditioning.scheme": "rd-rope"},
            "mask-0.3": {"region_masking.ratio": 0.3},
        },
    }  # fmt: skip
    (folder / "ablation.json").write_text(json.dumps(settings))
    return Ablation(folder / "ablation.json", run, folder / "cells", run / "network.safetensors")


def test_the_whole_queue_runs_and_resumes(ablation, capsys):
    ablation.true_clips()
    for cell in ablation.cells():
        ablation.measured(*cell)
    results = ablation.folder / "results"
    names = {path.stem for path in results.iterdir()}
    assert names == {"true-0-1", "true-0-3", "single-view-1-1", "full-1-1", "full-1-3", "mask-0.3-1-3"}
    result = json.loads((results / "full-1-3.json").read_text())
    assert result["config"]["training"]["steps"] == 2 and len(result["people"]) == 2
    true = Measured([json.loads((results / "true-0-3.json").read_text())["people"]])
    assert true.value("pixel_error_db") > 60 and true.value("similarity_to_truth") <= 1
    capsys.readouterr()
    for cell in ablation.cells():
        ablation.measured(*cell)
    assert capsys.readouterr().out == ""


def test_every_variant_goes_on_from_the_same_base(ablation):
    base = torch.load(ablation.base() / "transformer.pt")["ema"]["shadow"]
    cell = torch.load(ablation.trained(ablation.folder / "cells/full-1", ablation.config_of("full", 1)) / "transformer.pt")["model"]
    for name, value in base.items():
        assert (cell[name] - value).abs().max() < 0.05, name


def test_a_share_of_another_size_is_masked_and_nothing_else_changes(ablation):
    a = load_file(ablation.run / "latents/00000.safetensors")
    b = load_file(ablation.folder / "latents-mask-0.3/00000.safetensors")
    assert torch.equal(a["clips"], b["clips"])
    torch.testing.assert_close(a["references"][:, :, 0], b["references"][:, :, 0], rtol=1e-2, atol=1e-2)
    assert not torch.allclose(a["references"][:, :, 1:].float(), b["references"][:, :, 1:].float(), atol=1e-2)


def test_tables_and_plots_show_what_was_measured(ablation, tmp_path):
    results = read_results(ablation.folder / "results")
    text = tables(results)
    assert "| single-view |" in text and "| true clips |" in text and "| Masked share |" in text
    assert "vanilla" not in text
    plot({"full": results["full", 3], "true": results["true", 3]}, tmp_path / "ablation.svg")
    assert "<svg" in (tmp_path / "ablation.svg").read_text()


def test_a_mark_needs_a_difference_beyond_doubt():
    people = {figure: [0.5, 1] for figure in COLUMNS}
    same = Measured([[people] * 20])
    better = Measured([[people | {"trait_recall": [0.9, 1], "yaw_error": [0.9, 1]}] * 20])
    assert cell(better, "trait_recall", same).endswith("▲") and cell(better, "yaw_error", same).endswith("▼")
    assert cell(better, "top1/60-90", same) == "0.500 (0.500 to 0.500)"
