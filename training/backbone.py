"""What fine-tuning trains: the transformer of a Wan 2.1 or 2.2 model directory (`base`), whole or by LoRA.

Everything else of the directory stays as it is: its VAE, tokenizer and text encoder have done their part when the clips are
cached (training/cache_clips.py). Of the two experts of Wan 2.2 A14B one is trained at a time, `expert`, on its own noise levels:
`transformer` from boundary_ratio up, `transformer_2` below it. They share nothing, so two runs train both.

Precision with mixed_precision bf16: trained weights and their optimiser state are float32 and computed with in bfloat16; frozen
weights, those under a LoRA, are kept in bfloat16, but for the few that diffusers keeps in float32. The embedding of the timestep
stays out of autocast, as in inference: bfloat16 has no two timesteps for 999 and 997.
"""

import json
from pathlib import Path

import torch
from diffusers import WanTransformer3DModel

from training.lora import add_lora
from training.reference_conditioning import condition, predict_velocity

EXPERTS = ("transformer", "transformer_2")


class Backbone(torch.nn.Module):
    """Takes the place of training.train.ConditionedModel; text comes embedded."""

    def __init__(self, config, expert: str | None = None):
        """expert: another than the config's, to sample with; then all of it is frozen."""
        super().__init__()
        trained = expert is None
        lora = config.get("lora")
        self.noise_levels = noise_levels(Path(config["base"]), expert or config["expert"])
        half = config["training"]["mixed_precision"] == "bf16" and (lora is not None or not trained)
        transformer = WanTransformer3DModel.from_pretrained(
            config["base"], subfolder=expert or config["expert"], dtype=torch.bfloat16 if half else torch.float32
        )
        conditioning = config["reference_conditioning"]
        self.transformer = condition(transformer, conditioning["scheme"], conditioning["offset"])
        self.reference_timestep = conditioning["reference_timestep"]
        self.transformer.requires_grad_(trained and lora is None)
        if trained and lora is not None:
            add_lora(self.transformer, lora, config["seed"])
        keep_out_of_autocast(self.transformer.condition_embedder)

    def forward(self, latents, references, timestep, text, attention_mask=None, kept_frames=None, num_frames=None):
        """latents [B, C, T, h, w], references [B, C, n, h, w] or None, timestep [B], text [B, L, text_dim] -> like latents

        The last three are for models that embed text, or train on frames of longer clips; None here.
        """
        text = text.to(self.transformer.condition_embedder.text_embedder.linear_1.weight.dtype)
        velocity = predict_velocity(self.transformer, latents, references, timestep, text, self.reference_timestep)
        return velocity.clone()  # FSDP hangs its backward on the output, which must be no view


def noise_levels(base: Path, expert: str):
    """Lowest and highest sigma that the expert is asked for; timestep 1000 * sigma (WanPipeline, boundary_ratio)."""
    index = json.loads((base / "model_index.json").read_text())
    second = (index.get("transformer_2") or [None, None])[1] is not None
    if not second and expert == "transformer_2":
        raise ValueError(f"expert must be transformer, the only one in {base}, got transformer_2.")
    boundary = index.get("boundary_ratio")
    if not second or boundary is None:
        return 0.0, 1.0
    return (boundary, 1.0) if expert == "transformer" else (0.0, boundary)


def keep_out_of_autocast(module: torch.nn.Module):
    forward = module.forward

    def in_its_own_precision(*arguments, **named):
        with torch.autocast(arguments[0].device.type, enabled=False):
            return forward(*arguments, **named)

    module.forward = in_its_own_precision
