"""Stage 6: write the model directory, float16, in the diffusers layout.

    python -m training.export training/config/mv2id-tiny.json training/runs/tiny models/mv2id-tiny
"""

import argparse
import json
from pathlib import Path

import torch

from training.cache_latents import load_vae, read_statistics
from training.export_fine_tuned import export_fine_tuned
from training.files import read_config
from training.sample import load_model, make_scheduler


# v = neither + image * (references - neither) + text * (text_references - references), as one weight a branch.
GUIDANCE = {
    "branches": [
        {"name": "text_references", "text": True, "references": True, "weight": {"constant": 0, "text": 1, "image": 0}},
        {"name": "references", "text": False, "references": True, "weight": {"constant": 0, "text": -1, "image": 1}},
        {"name": "neither", "text": False, "references": False, "weight": {"constant": 1, "text": 0, "image": -1}},
    ]
}


def write_json(path, value):
    path.write_text(json.dumps(value, indent=2) + "\n")


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config")
    parser.add_argument("run")
    parser.add_argument("out")
    arguments = parser.parse_args(argv)
    config, run, out = read_config(arguments.config), Path(arguments.run), Path(arguments.out)
    if "base" in config:
        print(f"{out}: {export_fine_tuned(config, run, out, GUIDANCE) / 1e6:.1f} MB")
        return
    vae = load_vae(config, run)
    vae.register_to_config(**read_statistics(run))
    model, tokenizer = load_model(config, run)
    vae.half().save_pretrained(out / "vae")
    model.transformer.half().save_pretrained(out / "transformer")
    model.text_encoder.half().save_pretrained(out / "text_encoder")
    tokenizer.save_pretrained(out / "tokenizer")
    make_scheduler(config).save_pretrained(out / "scheduler")
    write_json(
        out / "model_index.json",
        {
            "_class_name": "WanPipeline",
            "_diffusers_version": "0.40.0",
            "scheduler": ["diffusers", "UniPCMultistepScheduler"],
            "text_encoder": ["transformers", "UMT5EncoderModel"],
            "tokenizer": ["transformers", "T5TokenizerFast"],
            "transformer": ["diffusers", "WanTransformer3DModel"],
            "vae": ["diffusers", "AutoencoderKLWan"],
        },
    )
    data = config["data"]
    write_json(
        out / "reference_conditioning.json",
        {
            "version": 1,
            **config["reference_conditioning"],
            "guidance": GUIDANCE,
            "defaults": {
                "negative_prompt": "",
                "width": data["size"],
                "height": data["size"],
                "num_frames": data["num_frames"],
                "fps": data["fps"],
                **config.get("generation", {"steps": 20, "guidance": {"text": 2.0, "image": 1.5}}),
            },
        },
    )
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    print(f"{out}: {size / 1e6:.1f} MB, {sum(p.numel() for p in model.transformer.parameters())} transformer parameters")


if __name__ == "__main__":
    main()
