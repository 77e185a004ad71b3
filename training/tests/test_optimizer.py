"""Muon for the matrices inside the blocks, AdamW for everything else, and both go on from a checkpoint."""

import pytest
import torch

from training.checkpoints import WHOLE
from training.files import read_config
from training.optimizer import build_optimizer
from training.tests.toy import losses, toy_config, toy_latents
from training.train import ConditionedModel
from training.train import main as train


def test_only_matrices_inside_the_blocks_take_muon(tmp_path):
    config = read_config(toy_config(tmp_path, optimizer="muon"))
    model = ConditionedModel(config, 32)
    muon, adamw = build_optimizer(model, config["training"]).parts
    names = {id(p): name for name, p in model.named_parameters()}
    inside = {names[id(p)] for group in muon.param_groups for p in group["params"]}
    outside = {names[id(p)] for group in adamw.param_groups for p in group["params"]}
    assert inside | outside == set(names.values()) and not inside & outside
    assert "transformer.blocks.0.attn1.to_q.weight" in inside and "text_encoder.encoder.block.0.layer.0.SelfAttention.q.weight" in inside
    for name in ("transformer.proj_out.weight", "text_encoder.shared.weight", "transformer.blocks.0.attn1.to_q.bias"):
        assert name in outside


def test_goes_on_from_its_checkpoint(tmp_path):
    config = str(toy_config(tmp_path, optimizer="muon"))
    for run in ("whole", "parts"):
        toy_latents(tmp_path / run)
    train([config, str(tmp_path / "whole")])
    for _ in range(2):
        train([config, str(tmp_path / "parts"), "--max-steps", "3"])
    assert losses(tmp_path / "parts") == losses(tmp_path / "whole")
    states = [torch.load(tmp_path / run / WHOLE)["model"] for run in ("whole", "parts")]
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())


def test_does_not_shard(tmp_path):
    config = read_config(toy_config(tmp_path, optimizer="muon", sharding="full"))
    with pytest.raises(ValueError, match=r'^training.optimizer must be "adamw" where training.sharding is "full", got "muon"\.$'):
        build_optimizer(ConditionedModel(config, 32), config["training"])
