"""A config that trains in seconds, and latents of random numbers, so that tests of stage 4 need no stage before it."""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from training.files import read_config

SHIPPED = Path(__file__).parent.parent / "config/mv2id-tiny.json"


def toy_config(folder, **training):
    """Writes folder/config.json: the shipped config with everything small and in float32. -> its path"""
    config = read_config(SHIPPED)
    config["data"] |= {"num_clips": 8, "clips_per_shard": 4, "num_frames": 5, "size": 64, "references_per_clip": 3}
    del config["data"]["rendered_frames"], config["data"]["whole_every"]
    config["vae"] |= {"base_dim": 8, "decoder_base_dim": 8, "z_dim": 4}
    config["vae_training"] |= {"steps": 4, "frames_per_batch": 4, "start": "random"}
    config["text"] |= {"d_model": 16, "d_kv": 8, "num_heads": 2, "d_ff": 32, "num_layers": 1}
    config["transformer"] |= {
        "num_attention_heads": 2, "attention_head_dim": 24, "in_channels": 4, "out_channels": 4, "text_dim": 16,
        "freq_dim": 16, "ffn_dim": 32, "num_layers": 2,
    }  # fmt: skip
    config["training"] |= {
        "steps": 6, "batch_size": 4, "warmup_steps": 2, "frames_per_clip": 3, "num_references": [1, 2],
        "mixed_precision": "no", "optimizer": "adamw", "log_every_steps": 1, **training,
    }  # fmt: skip
    path = Path(folder) / "config.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(config))
    return path


def toy_latents(run):
    """RUN/latents of 8 clips, as cache_latents writes them for toy_config."""
    folder = Path(run) / "latents"
    folder.mkdir(parents=True, exist_ok=True)
    generator = torch.Generator().manual_seed(0)
    tensors = {
        "clips": torch.randn(8, 4, 5, 8, 8, generator=generator).half(),
        "references": torch.randn(8, 3, 2, 4, 8, 8, generator=generator).half(),
    }
    captions = [f"a person turns slowly to full {side} profile" for side in ("left", "right")] * 4
    save_file(tensors, folder / "00000.safetensors", metadata={"captions": json.dumps(captions)})
    statistics = {"latents_mean": [0.0] * 4, "latents_std": [1.0] * 4}
    (folder / "statistics.json").write_text(json.dumps(statistics))


def losses(run):
    """{step: loss}; a step that was done twice counts as it was done last."""
    lines = (Path(run) / "transformer.jsonl").read_text().splitlines()
    return {row["step"]: row["loss"] for row in map(json.loads, lines)}
