"""Held-out identities turning to either side, generated from three views, beside their exact ground truth.

    python -m training.turns training/config/mv2id-tiny.json training/runs/tiny turns.png

One block an identity: the three references; the truth at yaw -90, -45, 0, 45 and 90 degrees; the same frames generated
(from two clips, a turn to the right profile and one to the left).
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
from training.sample import (
    HELD_OUT_SEED,
    draw_noise,
    encode_views,
    generate,
    load_model,
    save_sheet,
    statistics,
    strip,
)
from training.train_vae import psnr

SHOWN = (-90, -45, 0, 45, 90)
REFERENCE_YAW = (-60.0, 0.0, 60.0)
SIDES = (("right", -90.0), ("left", 90.0))


def turn(num_clips: int, num_frames: int, degrees: float) -> Motions:
    """The path that "a person turns slowly to full SIDE profile" means, without its noise: eased from 0 to `degrees`."""
    part = ((torch.linspace(0, 1, num_frames) - 0.05) / 0.92).clamp(0, 1)
    yaw = degrees * (0.5 - 0.5 * torch.cos(math.pi * part))
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
    views = fixed_pose(torch.tensor(REFERENCE_YAW))
    views = Motions(**{name: value[:, 0].expand(n, -1) for name, value in vars(views).items()})
    references = render(identities, views, scenes, data["size"], "white") * 2 - 1

    vae = load_vae(config, arguments.run)
    model, tokenizer = load_model(config, arguments.run)
    mean, std = statistics(arguments.run)
    truths, videos = {}, {}
    with torch.no_grad():
        encoded = encode_views(vae, references, mean, std)
        noise = draw_noise(config, encoded, generator)
        scales = (arguments.text_scale, arguments.image_scale)
        for side, degrees in SIDES:
            motions = turn(n, data["num_frames"], degrees)
            truth = render(identities, motions, scenes, data["size"]) * 2 - 1
            captions = [caption(f"a person turns slowly to full {side} profile", scenes, i) for i in range(n)]
            latents = generate(model, tokenizer, config, encoded, captions, noise, arguments.steps, *scales)
            video = vae.decode(latents * std + mean).sample.transpose(1, 2)
            for yaw in SHOWN:
                if yaw * degrees > 0 or (yaw == 0 and side == "left"):
                    frame = (motions.yaw[0] - yaw).abs().argmin().item()
                    truths[yaw], videos[yaw] = truth[:, frame], video[:, frame]
        clip = truth.transpose(1, 2)
        reconstructed = vae.decode(vae.encode(clip).latent_dist.mode()).sample
    print(f"VAE on these clips: {psnr(reconstructed, clip):.1f} dB")
    blocks = []
    for i in range(n):
        figures = " ".join(f"{yaw:+d}: {psnr(videos[yaw][i], truths[yaw][i]):.1f}" for yaw in SHOWN)
        print(f"{i}: PSNR at yaw {figures} dB")
        rows = [torch.stack([frames[yaw][i] for yaw in SHOWN]) for frames in (truths, videos)]
        beside = torch.cat([strip(row) for row in rows], dim=-2)
        left = torch.nn.functional.pad(strip(references[i]), (0, 16, 0, data["size"]), value=1.0)
        blocks.append(torch.cat([left, beside], dim=-1))
    save_sheet(blocks, arguments.out, blocks[0].shape[-1])


if __name__ == "__main__":
    main()
