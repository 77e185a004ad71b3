"""Stage 4 in several processes, on CPUs with gloo: the curve depends neither on how many there are nor on what each holds."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from training.checkpoints import load_averaged
from training.files import read_config
from training.heads.motion import CAPTION_WORDS
from training.tests.scenarios import prepare, train
from training.tests.toy import losses, toy_config, toy_latents
from training.text import build_tokenizer
from training.latents import LatentData
from training.train import ConditionedModel

REPOSITORY = Path(__file__).parent.parent.parent
STEPS = list(range(1, 7))


def torchrun(processes, *arguments):
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    subprocess.run([*command, "-m", "training.tests.scenarios", *map(str, arguments)], cwd=REPOSITORY, check=True, timeout=300)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Every run of this file. Names say who trained: one or two processes, `then` after a stop at step 3."""
    folder = tmp_path_factory.mktemp("runs")
    for name in ("one", "two", "two-then-two", "one-then-two"):
        prepare(folder, name)
    for name in ("full-two", "full-two-then-two", "full-two-then-one"):
        prepare(folder, name, sharding="full")
    train(folder, "one")
    train(folder, "one-then-two:3")
    torchrun(
        2, folder, "two", "full-two", "two-then-two:3", "two-then-two", "one-then-two",
        "full-two-then-two:3", "full-two-then-two", "full-two-then-one:3",
    )  # fmt: skip
    torchrun(1, folder, "full-two-then-one")
    return folder


@pytest.mark.parametrize(
    "name",
    ["two", "full-two", "two-then-two", "one-then-two", "full-two-then-two", "full-two-then-one"],
)
def test_trains_as_one_process_does(runs, name):
    expected, actual = losses(runs / "one"), losses(runs / name)
    assert list(actual) == STEPS
    difference = max(abs(actual[step] - expected[step]) for step in STEPS)
    print(f"{name}: largest difference of the loss {difference:.1e}")
    assert difference < 2e-6


@pytest.mark.parametrize("name", ["two", "full-two", "full-two-then-one"])
def test_ends_with_the_same_averaged_weights(runs, name):
    expected, actual = (averaged(runs / n) for n in ("one", name))
    difference = max((expected[key] - actual[key]).abs().max().item() for key in expected)
    print(f"{name}: largest difference of a weight {difference:.1e}")
    assert difference < 2e-5


def averaged(run):
    config = read_config(run / "config.json")
    model = ConditionedModel(config, len(build_tokenizer(CAPTION_WORDS, config["text"]["max_length"])))
    load_averaged(model, run)
    return model.state_dict()


def test_a_checkpoint_of_the_other_kind_is_refused_by_name(runs, tmp_path):
    shutil.copytree(runs / "full-two", tmp_path / "run")
    with pytest.raises(ValueError, match="training.sharding must be full, as .* got none"):
        toy_config(tmp_path / "run", sharding="none")
        train(tmp_path, "run")


def test_every_process_takes_its_own_share_of_one_batch(tmp_path):
    config = read_config(toy_config(tmp_path))
    toy_latents(tmp_path)
    data = LatentData(config, tmp_path, build_tokenizer(CAPTION_WORDS, config["text"]["max_length"]))
    for step in range(4):
        whole = data.batch(step, 0.0)
        halves = [data.batch(step, 0.0, process, 2) for process in (0, 1)]
        for i, values in enumerate(whole):
            if values is not None:
                assert torch.equal(values, torch.cat([half[i] for half in halves]))


def test_a_file_named_stop_ends_a_training_with_its_progress_saved(tmp_path):
    prepare(tmp_path, "run")
    train(tmp_path, "run:2")
    (tmp_path / "run/stop").touch()
    train(tmp_path, "run")
    assert list(losses(tmp_path / "run")) == [1, 2]
    (tmp_path / "run/stop").unlink()
    train(tmp_path, "run")
    assert list(losses(tmp_path / "run")) == STEPS
