"""Held-out identities through a whole turn, generated from three views, beside their exact ground truth.

    python -m training.turns training/config/mv2id-tiny.json training/runs/tiny docs/images/held-out-turns.png

One block an identity: the three references; the truth at yaw -90, -45, 0, 45 and 90 degrees; the same frames generated.
Prints the PSNR of each generated frame against the truth at the pose that the caption asks for, and the VAE's own.
"""

import argparse
import math

import torch

from training.cache_latents import load_vae
from training.files import read_config
from training.heads import caption, sample_identities, sample_scenes
from training.heads.motion import Motions, fixed_pose
from training.heads.render import render
from training.sample import HELD_OUT_SEED, generate, load_model, save_sheet, statistics, strip
from training.train_vae import psnr

SENTENCE = "a person turns slowly from the right profile to the left profile"
SHOWN = (-90, -45, 0, 45, 90)
REFERENCE_YAW = (-60.0, 0.0, 60.0)


def sweep(num_clips: int, num_frames: int) -> Motions:
    """The path that SENTENCE means, without its noise: eased from -90 to 90 degrees."""
    part = ((torch.linspace(0, 1, num_frames) - 0.05) / 0.92).clamp(0, 1)
    yaw = -90 + 180 * (0.5 - 0.5 * torch.cos(math.pi * part))
    neutral = {name: value.expand(num_clips, num_frames) for name, value in vars(fixed_pose(0.0)).items()}
    return Motions(**{**neutral, "yaw": yaw.expand(num_clips, num_frames).contiguous()})


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config")
    parser.add_argument("run")
    parser.add_argument("out")
    parser.add_argument("--num", type=int, default=6)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--text-scale", type=float, default=2.0)
    parser.add_argument("--image-scale", type=float, default=1.5)
    arguments = parser.parse_args()
    config, n = read_config(arguments.config), arguments.num
    data = config["data"]
    generator = torch.Generator().manual_seed(HELD_OUT_SEED + 1)
    identities, scenes = sample_identities(n, generator), sample_scenes(n, generator)
    motions = sweep(n, data["num_frames"])
    views = Motions(**{name: value[:, : len(REFERENCE_YAW)].clone() for name, value in vars(motions).items()})
    views.yaw = torch.tensor(REFERENCE_YAW).expand(n, -1)
    truth = render(identities, motions, scenes, data["size"]) * 2 - 1
    references = render(identities, views, scenes, data["size"], "white") * 2 - 1
    captions = [caption(SENTENCE, scenes, i) for i in range(n)]

    vae = load_vae(config, arguments.run)
    model, tokenizer = load_model(config, arguments.run)
    mean, std = statistics(arguments.run)
    with torch.no_grad():
        encoded = vae.encode(references.flatten(0, 1)[:, :, None]).latent_dist.mode()
        encoded = ((encoded - mean) / std)[:, :, 0].unflatten(0, references.shape[:2])
        frames = (data["num_frames"] - 1) // config["vae"]["scale_factor_temporal"] + 1
        noise = torch.randn(n, encoded.shape[2], frames, *encoded.shape[3:], generator=generator)
        scales = (arguments.text_scale, arguments.image_scale)
        latents = generate(model, tokenizer, config, encoded, captions, noise, arguments.steps, *scales)
        video = vae.decode(latents * std + mean).sample.transpose(1, 2)
        clip = truth.transpose(1, 2)
        reconstructed = vae.decode(vae.encode(clip).latent_dist.mode()).sample
    print(f"VAE on these clips: {psnr(reconstructed, clip):.1f} dB")
    shown = [(motions.yaw[0] - yaw).abs().argmin().item() for yaw in SHOWN]
    blocks = []
    for i in range(n):
        figures = " ".join(f"{yaw:+d}: {psnr(video[i, f], truth[i, f]):.1f}" for yaw, f in zip(SHOWN, shown))
        print(f"{i} {captions[i]}: PSNR at yaw {figures} dB")
        beside = torch.cat([strip(truth[i, shown]), strip(video[i, shown])], dim=-2)
        left = torch.nn.functional.pad(strip(references[i]), (0, 16, 0, data["size"]), value=1.0)
        blocks.append(torch.cat([left, beside], dim=-1))
    save_sheet(blocks, arguments.out, blocks[0].shape[-1])


if __name__ == "__main__":
    main()
