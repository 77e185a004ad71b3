"""Wan directories of a few million random weights, clips to fine-tune them on, and configs: all that a fine-tuning needs, in seconds."""

import json
from pathlib import Path

import torch
from diffusers import AutoencoderKLWan, UniPCMultistepScheduler, WanPipeline, WanTransformer3DModel
from PIL import Image

from training.dataset import write_video
from training.text import build_text_encoder, build_tokenizer

CAPTIONS = ["a red disc moves to the left", "a blue disc moves to the right", "a green disc stands still"]
COLOURS = torch.tensor([[220, 40, 40], [40, 60, 220], [30, 170, 60]], dtype=torch.uint8)
# Half of the clips wide, half of them square, and one too short.
SHAPES = [(64, 96, 9), (64, 64, 13)]

VAE_21 = dict(
    base_dim=8, z_dim=16, dim_mult=[1, 2, 2, 2], num_res_blocks=1, temperal_downsample=[False, True, True],
    latents_mean=[0.01] * 16, latents_std=[0.1] * 16,
)  # fmt: skip
VAE_22 = VAE_21 | dict(
    z_dim=48, latents_mean=[0.01] * 48, latents_std=[0.1] * 48, is_residual=True, decoder_base_dim=8, in_channels=12,
    out_channels=12, patch_size=2, scale_factor_spatial=16,
)  # fmt: skip
KINDS = {
    "2.1": {},
    "2.2-A14B": {"boundary_ratio": 0.875},
    "2.2-5B": {"expand_timesteps": True},
}


def toy_wan(folder, kind: str, heads=6, layers=6) -> Path:
    """Writes folder: Wan 2.1 T2V, 2.2 A14B (two experts) or 2.2 TI2V-5B (other VAE, other grid), random. -> folder"""
    torch.manual_seed(0)
    vae = AutoencoderKLWan(**(VAE_22 if kind == "2.2-5B" else VAE_21))
    tokenizer = build_tokenizer(" ".join(CAPTIONS).split(), 24)
    text = dict(d_model=32, d_kv=8, num_heads=4, d_ff=64, num_layers=1)

    def transformer():
        return WanTransformer3DModel(
            num_attention_heads=heads, attention_head_dim=32, in_channels=vae.config.z_dim, out_channels=vae.config.z_dim,
            text_dim=32, freq_dim=64, ffn_dim=512, num_layers=layers,
        )  # fmt: skip

    pipeline = WanPipeline(
        tokenizer=tokenizer, text_encoder=build_text_encoder(text, len(tokenizer)), vae=vae, transformer=transformer(),
        transformer_2=transformer() if kind == "2.2-A14B" else None,
        scheduler=UniPCMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0),
        **KINDS[kind],
    )  # fmt: skip
    pipeline.save_pretrained(folder)
    return Path(folder)


def toy_clips(folder, num=6) -> Path:
    """Discs that move, 8 frames a second, with two references each; and a clip of three frames."""
    folder = Path(folder)
    (folder / "clips").mkdir(parents=True)
    (folder / "references").mkdir()
    rows = []
    for i in range(num + 1):
        height, width, frames = SHAPES[i % 2] if i < num else (64, 64, 3)
        kind = i % len(CAPTIONS)
        path = torch.linspace(0.7, 0.3, frames) if kind == 0 else torch.linspace(0.3, 0.7, frames)
        path = path if kind < 2 else torch.full_like(path, 0.5)
        video = torch.stack([disc(height, width, x.item(), COLOURS[kind], 20 + 30 * i) for x in path])
        write_video(folder / f"clips/{i}.mp4", video, 8)
        views = [f"references/{i}-{view}.png" for view in range(2)]
        for view, name in enumerate(views):
            image = disc(80, 60, 0.3 + 0.4 * view, COLOURS[kind], 255)
            Image.fromarray(image.permute(1, 2, 0).numpy()).save(folder / name)
        rows.append({"clip": f"clips/{i}.mp4", "caption": CAPTIONS[kind], "references": views, "person": i})
    (folder / "clips.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def disc(height, width, x, colour, background):
    """-> uint8 [3, H, W]"""
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    inside = (rows - height / 2) ** 2 + (columns - x * width) ** 2 < (height / 4) ** 2
    return torch.where(inside, colour[:, None, None], torch.tensor(background, dtype=torch.uint8))


def toy_fine_tuning(run, base, clips, lora=False, **training) -> Path:
    """Writes run/config.json, in float32. -> its path"""
    config = {
        "seed": 7,
        "base": str(base),
        "data": {"clips": str(clips), "fps": 8, "areas": [4096, 6144], "side_step": 32, "num_frames": [9, 13], "held_out": 1},
        "training": {
            "steps": 6, "batch_size": 4, "learning_rate": 2e-3, "warmup_steps": 2, "weight_decay": 0.01, "ema_decay": 0.9,
            "max_gradient_norm": 1.0, "timestep_shift": 3.0, "num_references": [1, 2], "reference_dropout": 0.1,
            "text_dropout": 0.1, "checkpoint_every_seconds": 3600, "mixed_precision": "no", "log_every_steps": 1,
            "gradient_checkpointing": False, **training,
        },
        "region_masking": {"enabled": True, "probability": 0.5, "ratio": 0.6, "rows": 8, "encodings": 1},
        "reference_conditioning": {
            "scheme": "rd-rope", "offset": 1, "reference_timestep": "zero", "max_references": 4, "dropped_references": "omit",
        },
        "generation": {
            "width": 96, "height": 64, "num_frames": 9, "fps": 8, "steps": 2, "guidance": {"text": 2.0, "image": 1.5},
        },
    }  # fmt: skip
    config |= {"lora": {"rank": 4, "alpha": 8}} if lora else {}
    path = Path(run) / "config.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(config))
    return path
