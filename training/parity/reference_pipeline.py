"""The sampled pipeline as plain PyTorch over diffusers and transformers modules: what generate() in TypeScript is compared with.

Prompt -> embeddings; views -> clean latents, one at a time; noise -> latents through the guidance branches of a resolved
reference_conditioning.json and the directory's scheduler; latents -> frames. Everything runs in float32 on the CPU.
"""

import html
import re
import sys
from dataclasses import dataclass
from pathlib import Path

import torch

sys.path.append(str(Path(__file__).resolve().parents[1]))
from reference_conditioning import condition, predict_velocity  # noqa: E402


@dataclass
class Parts:
    """The modules of one model directory; `conditioning` is its reference_conditioning.json with presets filled in."""

    transformer: torch.nn.Module
    transformer_2: torch.nn.Module | None
    vae: torch.nn.Module
    text_encoder: torch.nn.Module
    tokenizer: object
    scheduler: object
    text_length: int
    boundary_ratio: float | None
    conditioning: dict


@dataclass
class Job:
    prompt: str
    negative_prompt: str
    steps: int
    guidance: dict  # {"text": ..., "image": ...}
    references: torch.Tensor | None  # [n, 3, H, W] in [-1, 1]
    noise: torch.Tensor  # [1, C, T, h, w]


def clean(prompt: str) -> str:
    """prompt_clean of diffusers' pipeline_wan.py as it runs where ftfy is not installed."""
    return re.sub(r"\s+", " ", html.unescape(html.unescape(prompt)).strip()).strip()


def tokenize(parts: Parts, prompt: str) -> tuple[torch.Tensor, torch.Tensor]:
    """input_ids and attention_mask, [1, L] each."""
    options = {"padding": "max_length", "max_length": parts.text_length, "truncation": True, "return_attention_mask": True}
    encoded = parts.tokenizer([clean(prompt)], add_special_tokens=True, return_tensors="pt", **options)
    return encoded.input_ids, encoded.attention_mask


def encode_prompt(parts: Parts, prompt: str) -> torch.Tensor:
    """[1, L, text_dim]; rows after the real length are zeros."""
    input_ids, mask = tokenize(parts, prompt)
    return parts.text_encoder(input_ids=input_ids, attention_mask=mask).last_hidden_state * mask[..., None]


def latent_statistics(vae: torch.nn.Module) -> tuple[torch.Tensor, torch.Tensor]:
    return tuple(torch.tensor(values).view(1, -1, 1, 1, 1) for values in (vae.config.latents_mean, vae.config.latents_std))


def encode(vae: torch.nn.Module, sample: torch.Tensor) -> torch.Tensor:
    """[1, 3, F, H, W] in [-1, 1] -> [1, C, T, h, w], normalised."""
    mean, std = latent_statistics(vae)
    return (vae.encode(sample).latent_dist.mode() - mean) / std


def decode(vae: torch.nn.Module, latents: torch.Tensor) -> torch.Tensor:
    """[1, C, T, h, w] normalised -> [1, 3, F, H, W] in [-1, 1]."""
    mean, std = latent_statistics(vae)
    return vae.decode(latents * std + mean, return_dict=False)[0]


def weighted_branches(conditioning: dict, guidance: dict) -> list[tuple[dict, float]]:
    """The branches with their weights; a branch of weight 0 is not run."""
    weighted = []
    for branch in conditioning["guidance"]["branches"]:
        weight = {"constant": 0.0, "text": 0.0, "image": 0.0, **branch["weight"]}
        value = weight["constant"] + weight["text"] * guidance["text"] + weight["image"] * guidance["image"]
        if value != 0:
            weighted.append((branch, value))
    return weighted


def velocity(parts: Parts, transformer: torch.nn.Module, latents: torch.Tensor, references: torch.Tensor | None, timestep: torch.Tensor, text: torch.Tensor) -> torch.Tensor:
    """One answer of one expert; `references` [1, C, n, h, w] or None."""
    conditioning = parts.conditioning
    condition(transformer, conditioning["scheme"], conditioning["offset"])
    return predict_velocity(transformer, latents, references, timestep, text, conditioning["reference_timestep"])


def expert(parts: Parts, timestep: torch.Tensor) -> torch.nn.Module:
    """Wan 2.2's switch: transformer_2 below boundary_ratio * num_train_timesteps."""
    if parts.transformer_2 is None or parts.boundary_ratio is None:
        return parts.transformer
    is_high = timestep >= parts.boundary_ratio * parts.scheduler.config.num_train_timesteps
    return parts.transformer if is_high else parts.transformer_2


@torch.no_grad()
def sample_latents(parts: Parts, job: Job) -> torch.Tensor:
    """-> [1, C, T, h, w], normalised"""
    text = {True: encode_prompt(parts, job.prompt), False: encode_prompt(parts, job.negative_prompt)}
    references = None
    if job.references is not None and parts.conditioning["max_references"] > 0:
        views = [encode(parts.vae, view[None, :, None]) for view in job.references]
        references = torch.cat(views, dim=2)

    parts.scheduler.set_timesteps(job.steps)
    latents = job.noise
    for timestep in parts.scheduler.timesteps:
        total = torch.zeros_like(latents)
        for branch, weight in weighted_branches(parts.conditioning, job.guidance):
            seen = references
            if references is not None and not branch["references"]:
                seen = torch.zeros_like(references) if parts.conditioning["dropped_references"] == "zero" else None
            answer = velocity(parts, expert(parts, timestep), latents, seen, timestep.float()[None], text[branch["text"]])
            total = total + weight * answer
        latents = parts.scheduler.step(total, timestep, latents, return_dict=False)[0]
    return latents
