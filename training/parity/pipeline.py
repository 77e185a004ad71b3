"""Golden results of the whole sampled pipeline: random small networks of every part, given noise, several conditionings.

Stored are the final latents and every 29th value of the decoded frames. Reference images are hashed bytes at exactly the
video's size, so that no resampling comes between.
"""

import json
import tempfile
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKLWan, FlowMatchEulerDiscreteScheduler, UniPCMultistepScheduler, WanTransformer3DModel
from transformers import UMT5Config, UMT5EncoderModel

from golden import random_tensor, randomise, uniform, write_golden
from reference_pipeline import Job, Parts, decode, sample_latents
from scheduler import WAN_UNIPC
from tokenizer import toy
from vae import CASES as VAE_CASES
from vae import statistics, written_config

TRANSFORMER = {
    "patch_size": [1, 4, 4],
    "num_attention_heads": 2,
    "attention_head_dim": 24,
    "in_channels": 12,
    "out_channels": 12,
    "text_dim": 32,
    "freq_dim": 64,
    "ffn_dim": 96,
    "num_layers": 2,
    "cross_attn_norm": True,
    "eps": 1e-6,
    "rope_max_seq_len": 64,
}
TEXT_ENCODER = {"d_model": 32, "d_kv": 8, "d_ff": 48, "num_layers": 2, "num_heads": 4, "feed_forward_proj": "gated-gelu"}
SIZE = {"num_frames": 9, "height": 64, "width": 96}
FRAME_STRIDE = 29

TEXT_REFERENCES = {"name": "text_references", "text": True, "references": True, "weight": {"text": 1}}
REFERENCES = {"name": "references", "text": False, "references": True, "weight": {"text": -1, "image": 1}}
NEITHER = {"name": "neither", "text": False, "references": False, "weight": {"constant": 1, "image": -1}}
THREE_BRANCHES = [TEXT_REFERENCES, REFERENCES, NEITHER]
TWO_BRANCHES = [{"name": "text", "text": True, "references": False, "weight": {"text": 1}}, {"name": "neither", "text": False, "references": False, "weight": {"constant": 1, "text": -1}}]

UNIPC = ("UniPCMultistepScheduler", {**WAN_UNIPC, "flow_shift": 3.0})
EULER = ("FlowMatchEulerDiscreteScheduler", {"num_train_timesteps": 1000, "shift": 5.0})

# scheme, offset, reference_timestep, dropped_references, branches, number of views, scheduler, steps, guidance
CASES = {
    "rd-rope": ("rd-rope", 1, "zero", "omit", THREE_BRANCHES, 3, UNIPC, 5, {"text": 2.0, "image": 1.5}),
    "rd-rope-offset": ("rd-rope", 4, "same", "omit", THREE_BRANCHES, 1, EULER, 4, {"text": 3.0, "image": 2.0}),
    "phantom": ("vanilla", 1, "same", "zero", THREE_BRANCHES, 2, UNIPC, 4, {"text": 2.5, "image": 2.0}),
    "tass": ("tass", 1, "zero", "omit", [TEXT_REFERENCES, NEITHER], 2, UNIPC, 3, {"text": 1.0, "image": 2.0}),
    "text-to-video": ("vanilla", 1, "same", "omit", TWO_BRANCHES, 0, EULER, 3, {"text": 4.0, "image": 0.0}),
}
PROMPT = "a head turns to the left &amp; looks at the camera"
NEGATIVE_PROMPT = "a red beard"


def conditioning_of(name: str) -> dict:
    scheme, offset, reference_timestep, dropped_references, branches, views, _, steps, guidance = CASES[name]
    return {
        "version": 1,
        "scheme": scheme,
        "offset": offset,
        "reference_timestep": reference_timestep,
        "max_references": views,
        "dropped_references": dropped_references,
        "guidance": {"branches": branches},
        "defaults": {"negative_prompt": "", "fps": 8, "steps": steps, "guidance": guidance, **SIZE},
    }


def pixels(name: str, views: int) -> np.ndarray:
    """uint8 [views, H, W, 3]"""
    shape = (views, SIZE["height"], SIZE["width"], 3)
    return np.floor((uniform(name, int(np.prod(shape))) + 1) * 128).astype(np.uint8).reshape(shape)


def saved(tokenizer) -> dict:
    with tempfile.TemporaryDirectory() as folder:
        tokenizer.save_pretrained(folder)
        return {name: json.loads((Path(folder) / f"{name}.json").read_text()) for name in ("tokenizer", "tokenizer_config")}


@torch.no_grad()
def main() -> None:
    tokenizer = toy()
    vae_config = {**VAE_CASES["tiny"]["config"], **statistics(12)}
    transformer = WanTransformer3DModel(**TRANSFORMER).eval()
    vae = AutoencoderKLWan(**vae_config).eval()
    text_config = UMT5Config(vocab_size=len(tokenizer), **TEXT_ENCODER)
    text_encoder = UMT5EncoderModel(text_config).eval()
    components = {
        "transformer": {"config": {"_class_name": "WanTransformer3DModel", **TRANSFORMER}, "weights": randomise(transformer, "pipeline/transformer")},
        "vae": {"config": written_config(vae), "weights": randomise(vae, "pipeline/vae")},
        "text_encoder": {"config": {**text_config.to_diff_dict(), "architectures": ["UMT5EncoderModel"]}, "weights": randomise(text_encoder, "pipeline/text_encoder")},
    }
    latent_size = [SIZE["height"] // 8, SIZE["width"] // 8]
    noise_shape = [1, 12, (SIZE["num_frames"] - 1) // 4 + 1, *latent_size]
    tensors, cases = {}, []
    for name, (_, _, _, _, _, views, (scheduler_name, scheduler_config), steps, guidance) in CASES.items():
        scheduler_class = {"UniPCMultistepScheduler": UniPCMultistepScheduler, "FlowMatchEulerDiscreteScheduler": FlowMatchEulerDiscreteScheduler}[scheduler_name]
        conditioning = conditioning_of(name)
        parts = Parts(transformer, None, vae, text_encoder, tokenizer, scheduler_class(**scheduler_config), 32, None, conditioning)
        references = None
        if views > 0:
            bytes_of_views = torch.from_numpy(pixels(f"pipeline/{name}/references", views))
            references = bytes_of_views.permute(0, 3, 1, 2).float() / 127.5 - 1
        noise = random_tensor(f"pipeline/{name}/noise", noise_shape, scale=3**0.5)
        latents = sample_latents(parts, Job(PROMPT, NEGATIVE_PROMPT, steps, guidance, references, noise))
        frames = decode(vae, latents)
        print(f"{name}: latents std {latents.std():.3f} max {latents.abs().max():.2f}, frames std {frames.std():.3f}, clamped {(frames.abs() == 1).float().mean():.2f}")
        tensors[f"latents/{name}"] = latents
        tensors[f"frames/{name}"] = frames.flatten()[::FRAME_STRIDE].contiguous()
        cases.append({"name": name, "views": views, "scheduler": {"class_name": scheduler_name, "config": scheduler_config}, "conditioning": conditioning})
    metadata = {"components": components, "tokenizer": saved(tokenizer), "prompt": PROMPT, "negative_prompt": NEGATIVE_PROMPT, "frame_stride": FRAME_STRIDE, "cases": cases}
    write_golden("pipeline", metadata, tensors)


if __name__ == "__main__":
    main()
