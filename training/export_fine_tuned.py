"""What a fine-tuning has made, averaged weights, in the diffusers layout; training/export.py calls it.

All weights trained: the whole model directory, `base` with the trained transformer in place of its own. LoRA: a folder with
pytorch_lora_weights.safetensors. Both with reference_conditioning.json, which says how the references condition the model.
"""

import json
import shutil
from pathlib import Path

import torch

from training.backbone import Backbone
from training.checkpoints import load_averaged
from training.lora import save_lora


def export_fine_tuned(config, run, out, guidance):
    """guidance: that of reference_conditioning.json. Raises ValueError when `out` is there already."""
    base, out = Path(config["base"]), Path(out)
    if out.exists() and any(out.iterdir()):
        raise ValueError(f"out must be a new folder, got {out}, which holds files.")
    model = Backbone(config)
    load_averaged(model, run)
    dtype = torch.float32 if config["training"]["mixed_precision"] == "no" else torch.bfloat16
    partial = out.with_name(f"{out.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    if "lora" in config:
        partial.mkdir(parents=True)
        save_lora(model.transformer, partial, dtype)
    else:
        hidden = shutil.ignore_patterns(".*", "sha256.json", config["expert"])
        shutil.copytree(base, partial, ignore=hidden)
        model.transformer.to(dtype).save_pretrained(partial / config["expert"])
    conditioning = {
        "version": 1,
        **config["reference_conditioning"],
        "guidance": guidance,
        "defaults": config["generation"],
    }
    (partial / "reference_conditioning.json").write_text(json.dumps(conditioning, indent=2) + "\n")
    if out.exists():
        out.rmdir()
    partial.rename(out)
    return sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
