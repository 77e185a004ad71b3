"""Fine-tuning of random Wan models of a few million weights: 2.1, 2.2 A14B (two experts), 2.2 5B (expand_timesteps)."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import av
import pytest
import torch
from diffusers import WanPipeline
from safetensors.torch import load_file

from training import cache_clips, export
from training.backbone import Backbone
from training.buckets import CachedClips
from training.checkpoints import load_averaged
from training.files import read_config
from training.tests.scenarios import train
from training.tests.toy import losses
from training.tests.toy_wan import KINDS, toy_clips, toy_fine_tuning, toy_wan

REPOSITORY = Path(__file__).parent.parent.parent
SMALL = {"heads": 2, "layers": 2}


class Home:
    """Models, clips and runs of this file."""

    def __init__(self, folder):
        self.folder = folder
        toy_clips(folder / "clips")

    def base(self, kind, **size):
        path = self.folder / f"wan-{kind}-{'small' if size else 'large'}"
        return path if path.exists() else toy_wan(path, kind, **size)

    def prepare(self, name, base, lora=False, changes=None, **training):
        """A run whose clips are cached, by the first run of the same base."""
        config = toy_fine_tuning(self.folder / name, base, self.folder / "clips", lora, **training)
        if changes:
            config.write_text(json.dumps(json.loads(config.read_text()) | changes))
        cache = base / "cached"
        if not cache.exists():
            cache_clips.main([str(config), str(cache)])
        shutil.copytree(cache / "latents", self.folder / name / "latents")
        return name

    def train(self, turn):
        train(self.folder, turn)

    def torchrun(self, processes, *turns):
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
        arguments = ["-m", "training.tests.scenarios", str(self.folder), *turns]
        subprocess.run([*command, *arguments], cwd=REPOSITORY, check=True, timeout=300)

    def losses(self, name):
        return losses(self.folder / name)

    def averaged(self, name):
        """{name: weight} of what was trained."""
        model = Backbone(read_config(self.folder / name / "config.json"))
        load_averaged(model, self.folder / name)
        return {key: value.detach() for key, value in model.named_parameters() if value.requires_grad}

    def export(self, name, out=None):
        target = self.folder / (out or f"{name}-out")
        export.main([str(self.folder / name / "config.json"), str(self.folder / name), str(target)])
        return target


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    torch.manual_seed(0)
    return Home(tmp_path_factory.mktemp("fine-tuning"))


@pytest.mark.parametrize("lora", [False, True], ids=["full", "lora"])
def test_the_loss_of_a_model_of_millions_of_weights_falls(home, lora):
    name = home.prepare(f"falls-{lora}", home.base("2.1"), lora, steps=24, learning_rate=1e-2 if lora else 2e-3)
    config = read_config(home.folder / name / "config.json")
    model = Backbone(config)
    assert sum(p.numel() for p in model.parameters()) > 3_000_000
    before = fixed_loss(config, home.folder / name, model)
    home.train(name)
    load_averaged(model, home.folder / name)
    after = fixed_loss(config, home.folder / name, model)
    print(f"lora {lora}: loss on fixed batches {before:.3f} -> {after:.3f}")
    assert after < (0.9 if lora else 0.7) * before


@torch.no_grad()
def fixed_loss(config, run, model):
    """Over batches that training never draws: its steps are few."""
    data, values = CachedClips(config, run), []
    for step in range(1000, 1006):
        latents, references, sigma, noise, text, *_ = data.batch(step, 0.0)
        weight = sigma.view(-1, 1, 1, 1, 1)
        velocity = model((1 - weight) * latents + weight * noise, references, sigma * 1000, text)
        values.append((velocity - (noise - latents)).pow(2).mean().item())
    return sum(values) / len(values)


@pytest.fixture(scope="module")
def runs(home):
    """The same training by one process, by one that was stopped, by two, and by two that share one model; full and by LoRA."""
    base = home.base("2.1", **SMALL)
    for lora, kind in ((False, "full"), (True, "lora")):
        for way in ("one", "stopped", "two"):
            home.prepare(f"{kind}-{way}", base, lora)
        home.prepare(f"{kind}-sharded", base, lora, sharding="full")
        home.train(f"{kind}-one")
        home.train(f"{kind}-stopped:3")
        home.train(f"{kind}-stopped")
    home.torchrun(2, "full-two", "full-sharded:3", "full-sharded", "lora-two", "lora-sharded:3", "lora-sharded")
    return home


@pytest.mark.parametrize("kind", ["full", "lora"])
def test_a_resumed_run_ends_with_the_same_bits_as_an_unbroken_one(runs, kind):
    assert runs.losses(f"{kind}-stopped") == runs.losses(f"{kind}-one")
    states = [torch.load(runs.folder / f"{kind}-{way}/transformer.pt") for way in ("one", "stopped")]
    assert states[0]["step"] == states[1]["step"] == 6
    for part in ("model", "ema"):
        one, stopped = (state[part]["shadow"] if part == "ema" else state[part] for state in states)
        assert one.keys() == stopped.keys()
        assert all(torch.equal(one[key], stopped[key]) for key in one)


@pytest.mark.parametrize("way", ["two", "sharded"])
@pytest.mark.parametrize("kind", ["full", "lora"])
def test_two_processes_train_as_one_does(runs, kind, way):
    expected, actual = runs.losses(f"{kind}-one"), runs.losses(f"{kind}-{way}")
    assert list(actual) == list(range(1, 7))
    difference = max(abs(actual[step] - expected[step]) for step in actual)
    weights = [runs.averaged(f"{kind}-{name}") for name in ("one", way)]
    apart = max((weights[0][key] - weights[1][key]).abs().max().item() for key in weights[0])
    print(f"{kind} {way}: largest difference of a loss {difference:.1e}, of a weight {apart:.1e}")
    assert difference < 1e-5 and apart < 1e-4


def test_a_lora_checkpoint_holds_no_frozen_weight(runs):
    state = torch.load(runs.folder / "lora-one/transformer.pt")
    assert state["model"] and all("lora_" in name for name in state["model"])
    assert all("lora_" in name for name in state["ema"]["shadow"])


def test_gradient_checkpointing_gives_equal_gradients(runs):
    config = read_config(runs.folder / "full-one/config.json")
    batch = CachedClips(config, runs.folder / "full-one").batch(0, 0.0)
    gradients = []
    for checkpointing in (False, True):
        model = Backbone(config)
        if checkpointing:
            model.transformer.enable_gradient_checkpointing()
        latents, references, sigma, _, text, *_ = batch
        model(latents, references, sigma * 1000, text).pow(2).mean().backward()
        gradients.append({name: p.grad for name, p in model.named_parameters()})
    assert all(value is not None for value in gradients[0].values())
    assert all(torch.equal(gradients[0][name], gradients[1][name]) for name in gradients[0])


def test_in_bfloat16_a_lora_freezes_half_precision_and_trains_full(home):
    name = home.prepare("bf16", home.base("2.1", **SMALL), True, steps=2, mixed_precision="bf16", gradient_checkpointing=True)
    model = Backbone(read_config(home.folder / name / "config.json"))
    dtypes = {key: p.dtype for key, p in model.transformer.named_parameters()}
    assert dtypes["blocks.0.attn1.to_q.base_layer.weight"] == torch.bfloat16
    assert dtypes["condition_embedder.time_embedder.linear_1.weight"] == torch.float32
    assert {p.dtype for p in model.parameters() if p.requires_grad} == {torch.float32}
    home.train(name)
    assert list(home.losses(name)) == [1, 2]
    # And spread over processes, where frozen and trained weights of one block differ in type.
    home.prepare("bf16-sharded", home.base("2.1", **SMALL), True, steps=2, mixed_precision="bf16", sharding="full")
    home.torchrun(2, "bf16-sharded")
    difference = [abs(home.losses("bf16-sharded")[step] - home.losses(name)[step]) for step in (1, 2)]
    assert max(difference) < 0.02


def test_timesteps_stay_apart_under_autocast(home):
    model = Backbone(read_config(home.folder / home.prepare("apart", home.base("2.1", **SMALL)) / "config.json"))
    embedder, text = model.transformer.condition_embedder, torch.zeros(2, 24, 32)
    with torch.no_grad():
        expected = embedder(torch.tensor([999.0, 997.0]), text, None)[1]
        with torch.autocast("cpu", torch.bfloat16):
            actual = embedder(torch.tensor([999.0, 997.0]), text, None)[1]
    assert torch.equal(actual, expected) and actual.dtype == torch.float32


@pytest.mark.parametrize("kind", KINDS)
def test_a_full_fine_tuning_is_a_model_directory(home, kind):
    expert = "transformer_2" if kind == "2.2-A14B" else "transformer"
    base = home.base(kind, **SMALL)
    name = home.prepare(f"export-{kind}", base, changes={"expert": expert}, steps=2)
    home.train(name)
    out = home.export(name)
    expected = home.averaged(name)
    pipeline = WanPipeline.from_pretrained(out)
    trained = getattr(pipeline, expert).state_dict()
    assert all(torch.equal(trained[key.removeprefix("transformer.")], value) for key, value in expected.items())
    for file in base.rglob("*"):
        inside = file.relative_to(base)
        if file.is_file() and inside.parts[0] not in (expert, "cached"):
            assert (out / inside).read_bytes() == file.read_bytes()
    inspected = mv2id("model", "inspect", out)
    assert "Usable" in inspected and "up to 4, rd-rope, offset 1, timestep zero" in inspected


def test_experts_are_trained_on_their_own_noise_levels(home):
    base = home.base("2.2-A14B", **SMALL)
    for expert, low, high in (("transformer", 0.875, 1.0), ("transformer_2", 0.0, 0.875)):
        name = home.prepare(f"levels-{expert}", base, changes={"expert": expert})
        config = read_config(home.folder / name / "config.json")
        model = Backbone(config)
        data = CachedClips(config, home.folder / name, model.noise_levels)
        sigma = torch.cat([data.batch(step, 0.0)[2] for step in range(8)])
        assert low <= sigma.min() and sigma.max() <= high and sigma.std() > 0.01
    with pytest.raises(ValueError, match="expert must be transformer, the only one in .*, got transformer_2"):
        Backbone(config | {"base": str(home.base("2.1", **SMALL))})


@pytest.mark.parametrize("expert", ["transformer", "transformer_2"])
def test_a_lora_merged_is_a_lora_applied(home, expert):
    """diffusers' load_lora_weights on the base, and `mv2id model merge-lora`, on the same latents."""
    base = home.base("2.2-A14B", **SMALL)
    name = home.prepare(f"merge-{expert}", base, True, changes={"expert": expert}, steps=4, learning_rate=1e-2)
    home.train(name)
    lora, merged = home.export(name), home.folder / f"merged-{expert}"
    mv2id("model", "merge-lora", base, lora, merged, "--expert", expert)

    applied = WanPipeline.from_pretrained(base)
    applied.load_lora_weights(lora, load_into_transformer_2=expert == "transformer_2")
    inputs = torch.randn(1, 16, 3, 8, 12, generator=torch.Generator().manual_seed(1)), torch.tensor([500]), torch.randn(1, 24, 32)
    with torch.no_grad():
        plain = getattr(WanPipeline.from_pretrained(base), expert)(*inputs).sample
        expected = getattr(applied, expert)(*inputs).sample
        actual = getattr(WanPipeline.from_pretrained(merged), expert)(*inputs).sample
    relative = ((actual - expected).norm() / expected.norm()).item()
    print(f"{expert}: merged against applied {relative:.1e}, base against applied {((plain - expected).norm() / expected.norm()):.1e}")
    assert relative < 1e-5
    assert (plain - expected).norm() / expected.norm() > 1e-2
    # The adapters of the training itself.
    trained = home.averaged(name)
    loaded = {key: value for key, value in getattr(applied, expert).named_parameters() if "lora_" in key}
    assert len(loaded) == len(trained) == 2 * 2 * 10
    for key, value in trained.items():
        assert torch.equal(loaded[key.removeprefix("transformer.").replace(".default", ".default_0")], value)
    assert json.loads((merged / "reference_conditioning.json").read_text())["scheme"] == "rd-rope"


def test_previews_are_videos_of_held_out_clips(home):
    """With two experts, of which one is trained."""
    previews = {"previews": {"every_steps": 2, "clips": 1}}
    name = home.prepare("previews", home.base("2.2-A14B", **SMALL), True, changes=previews, steps=3)
    plain = home.prepare("no-previews", home.base("2.2-A14B", **SMALL), True, steps=3)
    home.train(name)
    home.train(plain)
    assert [path.name for path in (home.folder / name / "previews").iterdir()] == ["00000002"]
    with av.open(str(home.folder / name / "previews/00000002/0.mp4")) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    # Two references, what was generated, the truth.
    assert len(frames) == 9 and frames[0].shape == (64, 4 * 96, 3)
    assert home.losses(name) == home.losses(plain)


def test_a_module_that_no_layer_is_named_by_is_refused(home):
    lora = {"rank": 2, "alpha": 2, "modules": ["to_q", "to_x"]}
    name = home.prepare("wrong", home.base("2.1", **SMALL), changes={"lora": lora})
    with pytest.raises(ValueError, match=r"lora.modules\[1\] must be the end of a linear layer's name, got to_x."):
        home.train(name)


def mv2id(*arguments):
    command = ["node", str(REPOSITORY / "bin/mv2id.js"), *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
