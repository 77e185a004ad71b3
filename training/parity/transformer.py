"""Golden outputs of WanTransformer3DModel, with and without references, in float32.

References are what training makes of them (reference_conditioning.py): frames after the video, with a rotary table and
timesteps of their own. The scheme "vanilla" keeps the rotary table of diffusers itself, which is what Phantom-Wan runs.
"""

import sys
from pathlib import Path

import torch
from diffusers import WanTransformer3DModel

from golden import random_tensor, randomise, write_golden

sys.path.append(str(Path(__file__).resolve().parents[1]))
from reference_conditioning import condition  # noqa: E402

BASE = {"freq_dim": 256, "num_layers": 2, "cross_attn_norm": True, "eps": 1e-6, "rope_max_seq_len": 64}

# A run is one graph: sizes are in latent frames and latent pixels, timestep is what the video gets.
CASES = {
    "head-dim-12": {
        "config": {"num_attention_heads": 2, "attention_head_dim": 12, "in_channels": 4, "out_channels": 4, "text_dim": 16, "ffn_dim": 32},
        "runs": [
            {"frames": 2, "height": 6, "width": 10, "references": 0, "scheme": "rd-rope", "offset": 1, "policy": "same", "text": 7, "timestep": 999},
            {"frames": 3, "height": 6, "width": 4, "references": 2, "scheme": "vanilla", "offset": 1, "policy": "same", "text": 12, "timestep": 487},
            {"frames": 2, "height": 6, "width": 4, "references": 3, "scheme": "tass", "offset": 1, "policy": "zero", "text": 12, "timestep": 31},
        ],
    },
    "head-dim-14": {
        # 7 pairs a head, an odd feed-forward width, another sinusoid length, a single frame.
        "config": {
            "num_attention_heads": 3,
            "attention_head_dim": 14,
            "in_channels": 5,
            "out_channels": 5,
            "text_dim": 9,
            "ffn_dim": 37,
            "freq_dim": 64,
            "eps": 1e-5,
        },
        "runs": [
            {"frames": 1, "height": 2, "width": 6, "references": 1, "scheme": "rd-rope", "offset": 1, "policy": "zero", "text": 3, "timestep": 750},
            {"frames": 4, "height": 6, "width": 2, "references": 2, "scheme": "rd-rope", "offset": -7, "policy": "same", "text": 5, "timestep": 113},
        ],
    },
    "head-dim-64": {
        # The proportions of mv2id-tiny: 4x4 patches, 12 channels.
        "config": {
            "patch_size": [1, 4, 4],
            "num_attention_heads": 2,
            "attention_head_dim": 64,
            "in_channels": 12,
            "out_channels": 12,
            "text_dim": 32,
            "ffn_dim": 256,
            "num_layers": 3,
        },
        "runs": [
            {"frames": 5, "height": 8, "width": 8, "references": 4, "scheme": "rd-rope", "offset": 1, "policy": "same", "text": 16, "timestep": 960},
            {"frames": 3, "height": 12, "width": 4, "references": 3, "scheme": "rd-rope", "offset": 3, "policy": "zero", "text": 16, "timestep": 250},
        ],
    },
    "no-cross-norm": {
        # Patches over time as well, and as many channels out as there are not in.
        "config": {
            "patch_size": [2, 1, 3],
            "num_attention_heads": 2,
            "attention_head_dim": 20,
            "in_channels": 6,
            "out_channels": 4,
            "text_dim": 24,
            "ffn_dim": 48,
            "cross_attn_norm": False,
        },
        "runs": [
            {"frames": 4, "height": 3, "width": 9, "references": 0, "scheme": "rd-rope", "offset": 1, "policy": "zero", "text": 6, "timestep": 602},
        ],
    },
    "no-cross-norm-references": {
        "config": {
            "num_attention_heads": 1,
            "attention_head_dim": 48,
            "in_channels": 16,
            "out_channels": 16,
            "text_dim": 24,
            "ffn_dim": 96,
            "num_layers": 1,
            "cross_attn_norm": False,
        },
        "runs": [
            {"frames": 2, "height": 4, "width": 6, "references": 2, "scheme": "rd-rope", "offset": 2, "policy": "zero", "text": 10, "timestep": 5},
        ],
    },
}


def inputs(prefix: str, config: dict, run: dict) -> dict[str, torch.Tensor]:
    channels, size = config["in_channels"], [run["height"], run["width"]]
    return {
        "hidden_states": random_tensor(f"{prefix}/hidden_states", [1, channels, run["frames"], *size], 0.0, 2.0),
        "references": random_tensor(f"{prefix}/references", [1, channels, run["references"], *size], 0.1, 1.5),
        "encoder_hidden_states": random_tensor(f"{prefix}/encoder_hidden_states", [1, run["text"], config["text_dim"]]),
    }


def velocity(model: WanTransformer3DModel, run: dict, tensors: dict[str, torch.Tensor]) -> torch.Tensor:
    """The model on video and references as one clip -> the video's part, [1, C, T, h, w]."""
    clip = torch.cat([tensors["hidden_states"], tensors["references"]], dim=2)
    timestep = torch.tensor([float(run["timestep"])])
    if run["policy"] == "zero":
        p_t, p_h, p_w = model.config.patch_size
        tokens_per_frame = (run["height"] // p_h) * (run["width"] // p_w)
        video, references = run["frames"] // p_t * tokens_per_frame, run["references"] * tokens_per_frame
        timestep = torch.cat([timestep.expand(video), torch.zeros(references)])[None]
    sample = model(clip, timestep, tensors["encoder_hidden_states"], return_dict=False)[0]
    return sample[:, :, : run["frames"]]


@torch.no_grad()
def main() -> None:
    for name, case in CASES.items():
        config = {"patch_size": [1, 2, 2], **BASE, **case["config"]}
        outputs = {}
        for index, run in enumerate(case["runs"]):
            model = WanTransformer3DModel(**config).eval()
            specs = randomise(model, f"transformer-{name}")
            if run["scheme"] != "vanilla" and run["references"] > 0:
                condition(model, run["scheme"], run["offset"])
                model.rope.num_references = run["references"]
            outputs[f"sample.{index}"] = velocity(model, run, inputs(f"transformer-{name}/{index}", config, run))
        metadata = {
            "config": {"_class_name": "WanTransformer3DModel", **config},
            "weights": specs,
            "runs": case["runs"],
        }
        write_golden(f"transformer-{name}", metadata, outputs)


if __name__ == "__main__":
    main()
