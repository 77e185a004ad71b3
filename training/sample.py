"""Stage 5: sample held-out identities and put them beside their ground truth.

    python -m training.sample training/config/mv2id-tiny.json training/runs/tiny --num 6

Held-out clips come from seeds that no shard uses. Writes RUN/samples.png: for each identity its references, then the
true frames, then the generated ones; and RUN/turns.png: yaw -90, -45, 0, 45 and 90, truth above sample.
"""

import argparse
from pathlib import Path

import torch
from diffusers import UniPCMultistepScheduler
from PIL import Image

from training.cache_latents import load_vae, read_statistics
from training.clips import to_model_range
from training.fast_transformer import predict_velocity_fast
from training.files import read_config
from training.heads import sample_clips
from training.heads.motion import CAPTION_WORDS
from training.render_clips import render_shard
from training.text import build_tokenizer, encode, tokenize
from training.train import ConditionedModel, start_from

HELD_OUT_SEED = 7_777_777


def load_model(config, run):
    """The averaged weights of stage 4, or those of a model directory, with the tokenizer."""
    tokenizer = build_tokenizer(CAPTION_WORDS, config["text"]["max_length"])
    model = ConditionedModel(config, len(tokenizer))
    start_from(model, Path(run))
    return model.eval().requires_grad_(False), tokenizer


def make_scheduler(config):
    return UniPCMultistepScheduler(
        prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=config["scheduler"]["flow_shift"]
    )


@torch.no_grad()
def generate(model, tokenizer, config, references, captions, noise, steps=20, text_scale=2.0, image_scale=1.5, kept_frames=None):
    """references [B, n, C, h, w] normalised latents, noise [B, C, T, h, w] -> latents [B, C, T, h, w]

    v = neither + image * (references - neither) + text * (text_references - references)
    With kept_frames (LongTensor [T]) these are only some frames of clips as long as the config's, at their places there.
    """
    places = {} if kept_frames is None else {
        "kept_frames": kept_frames.expand(len(captions), -1), "num_frames": latent_frames(config)
    }  # fmt: skip
    policy = config["reference_conditioning"]["reference_timestep"]
    max_length = config["text"]["max_length"]
    text = encode(model.text_encoder, *tokenize(tokenizer, captions, max_length))
    empty = encode(model.text_encoder, *tokenize(tokenizer, [""] * len(captions), max_length))
    references = references.transpose(1, 2)
    scheduler = make_scheduler(config)
    scheduler.set_timesteps(steps)
    latents = noise
    for t in scheduler.timesteps:
        timestep = t.float().expand(len(latents))
        both = predict_velocity_fast(model.transformer, latents, references, timestep, text, policy, **places)
        velocity = both
        if text_scale != 1 or image_scale != 1:
            only = predict_velocity_fast(model.transformer, latents, references, timestep, empty, policy, **places)
            neither = predict_velocity_fast(model.transformer, latents, None, timestep, empty, policy, **places)
            velocity = neither + image_scale * (only - neither) + text_scale * (both - only)
        latents = scheduler.step(velocity, t, latents, return_dict=False)[0]
    return latents


def statistics(run):
    """latents_mean and latents_std, [1, C, 1, 1, 1] each."""
    return [torch.tensor(value).view(1, -1, 1, 1, 1) for value in read_statistics(run).values()]


def encode_views(vae, views, mean, std):
    """views [B, n, 3, H, W] in [-1, 1] -> normalised latents [B, n, C, h, w]"""
    latents = vae.encode(views.flatten(0, 1)[:, :, None]).latent_dist.mode()
    return ((latents - mean) / std)[:, :, 0].unflatten(0, views.shape[:2])


def latent_frames(config) -> int:
    return (config["data"]["num_frames"] - 1) // config["vae"]["scale_factor_temporal"] + 1


def draw_noise(config, views, generator, frames=None):
    """Noise for one clip a reference set of encoded views. -> [B, C, T, h, w]"""
    frames = frames or latent_frames(config)
    batch, _, channels, height, width = views.shape
    return torch.randn(batch, channels, frames, height, width, generator=generator)


def strip(images):
    """[n, 3, H, W] in [-1, 1] -> [3, H, n * W]"""
    return torch.cat(list(images), dim=-1)


def save_sheet(rows, path, width):
    padded = [torch.nn.functional.pad(row, (0, width - row.shape[-1]), value=1.0) for row in rows]
    sheet = (torch.cat(padded, dim=-2).clamp(-1, 1) + 1) * 127.5
    Image.fromarray(sheet.round().byte().permute(1, 2, 0).numpy()).save(path)


def held_out(config, num):
    return render_shard({**config["data"], "clips_per_shard": num}, HELD_OUT_SEED)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config")
    parser.add_argument("run")
    parser.add_argument("--num", type=int, default=6)
    parser.add_argument("--references", type=int, default=3)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--text-scale", type=float, default=2.0)
    parser.add_argument("--image-scale", type=float, default=1.5)
    parser.add_argument("--out", default="samples.png")
    arguments = parser.parse_args()
    config, run = read_config(arguments.config), Path(arguments.run)
    vae = load_vae(config, run)
    model, tokenizer = load_model(config, run)
    mean, std = statistics(run)
    with torch.no_grad():
        tensors, captions = held_out(config, arguments.num)
        views = to_model_range(tensors["references"][:, : arguments.references])
        latents = encode_views(vae, views, mean, std)
        noise = draw_noise(config, latents, torch.Generator().manual_seed(0))
        sampled = generate(
            model, tokenizer, config, latents, captions, noise, arguments.steps, arguments.text_scale, arguments.image_scale
        )
        decoded = vae.decode(sampled * std + mean).sample.transpose(1, 2)
        truth = to_model_range(tensors["clips"])
        reconstructed = vae.decode(vae.encode(truth.transpose(1, 2)).latent_dist.mode()).sample.transpose(1, 2)
    rows = []
    for i, caption in enumerate(captions):
        print(i, caption)
        rows += [strip(views[i]), strip(truth[i, ::2]), strip(reconstructed[i, ::2]), strip(decoded[i, ::2])]
    save_sheet(rows, run / arguments.out, truth.shape[-1] * 9)


if __name__ == "__main__":
    main()
