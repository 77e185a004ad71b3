"""A small pose network for drawn heads, trained on renders: what the proof feeds to the `onnx` slot of the pose.

    python -m training.curate.drawn_pose MODELS OUT.onnx [--identities 300] [--seed 90001]

Keypoint pose (pose.py) is made for real faces; this shows the slot for a network, and gives the proof a pose that fits its
heads. The network sees what the tool will show it: crops about faces that the detector found, on all kinds of background.
MODELS is the folder that `python -m training.curate.models` fills. Views are kept in OUT.views.safetensors.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from training.curate.detect import BlazeFace
from training.curate.drawn import cut_outs, smooth_noise
from training.curate.onnx_slot import face_crop
from training.heads import fixed_pose, sample_identities, sample_scenes
from training.precision import autocast

SIZE, STORED, CROP_SCALE = 64, 96, 1.8
VIEWS = 8


def views(models: str, identities: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Crops uint8 [N, 3, STORED, STORED], wider than the network's by half, and angles [N, 3] in degrees."""
    detector = BlazeFace(Path(models) / "face_detection_back.tflite")
    generator = torch.Generator().manual_seed(seed)
    uniform = lambda *shape: 2 * torch.rand(*shape, generator=generator) - 1
    crops, angles = [], []
    for start in range(0, identities, 10):
        people, scenes = sample_identities(10, generator), sample_scenes(10, generator)
        for _ in range(VIEWS):
            pose = torch.stack([95 * uniform(10), 40 * uniform(10), 22 * uniform(10)], -1)
            motion = fixed_pose(
                *pose.T, mouth_open=torch.rand(10, generator=generator) ** 3, smile=torch.rand(10, generator=generator),
                blink=torch.rand(10, generator=generator) ** 4, gaze_x=0.3 * uniform(10), gaze_y=0.2 * uniform(10),
            )  # fmt: skip
            colors, alphas = cut_outs(people, motion, scenes, 112)
            for color, alpha, angle in zip(colors[:, 0], alphas[:, 0], pose):
                canvas = smooth_noise(168, 168, generator)
                if torch.rand((), generator=generator) < 0.5:
                    canvas = canvas.mean((1, 2), keepdim=True) + 0.2 * (canvas - canvas.mean((1, 2), keepdim=True))
                canvas[:, 56:, 28:140] = color + (1 - alpha) * canvas[:, 56:, 28:140]
                frame = (canvas.clamp(0, 1) * 255).byte().permute(1, 2, 0).numpy()
                faces = detector(frame)
                if faces:
                    crops.append(torch.from_numpy(face_crop(frame, faces[0], CROP_SCALE * 1.5, STORED)).permute(2, 0, 1))
                    angles.append(angle)
        print(f"{start + 10} of {identities} identities, {len(crops)} views", flush=True)
    return torch.stack(crops), torch.stack(angles)


class PoseNet(nn.Module):
    """[N, 3, 64, 64] in [-1, 1] -> yaw, pitch, roll [N, 3] in degrees"""

    def __init__(self, width: int = 32):
        super().__init__()
        layers, channels = [], 3
        for out in (width, 2 * width, 4 * width, 4 * width):
            layers += [nn.Conv2d(channels, out, 3, 2, 1), nn.GroupNorm(8, out), nn.SiLU()]
            layers += [nn.Conv2d(out, out, 3, 1, 1), nn.GroupNorm(8, out), nn.SiLU()]
            channels = out
        self.body = nn.Sequential(*layers, nn.Flatten(), nn.Linear(channels * 16, 128), nn.SiLU(), nn.Linear(128, 3))

    def forward(self, images):
        return 90 * self.body(images)


def augmented(images: torch.Tensor, angles: torch.Tensor, generator: torch.Generator):
    """Shifts, zoom, mirroring, light, blur and noise. images uint8 [B, 3, STORED, STORED] -> float [B, 3, SIZE, SIZE], [B, 3]"""
    count = len(images)
    flip = torch.rand(count, generator=generator) < 0.5
    sign = torch.where(flip, -1.0, 1.0)
    zoom = (2 / 3) * (1 + 0.12 * (2 * torch.rand(count, generator=generator) - 1))
    shift = 0.06 * torch.randn(count, 2, generator=generator)
    zero = torch.zeros(count)
    matrix = torch.stack([torch.stack([zoom * sign, zero, shift[:, 0]], -1), torch.stack([zero, zoom, shift[:, 1]], -1)], 1)
    grid = nn.functional.affine_grid(matrix, (count, 3, SIZE, SIZE), align_corners=False)
    crops = nn.functional.grid_sample(images.float() / 127.5 - 1, grid, align_corners=False)
    soft = nn.functional.interpolate(nn.functional.avg_pool2d(crops, 2), SIZE, mode="bilinear")
    blur = (torch.rand(count, 1, 1, 1, generator=generator) < 0.4) * torch.rand(count, 1, 1, 1, generator=generator)
    crops = crops + blur * (soft - crops)
    gain = 1 + 0.15 * torch.randn(count, 3, 1, 1, generator=generator)
    crops = (crops * gain + 0.1 * torch.randn(count, 1, 1, 1, generator=generator)).clamp(-1, 1)
    crops = crops + 0.05 * torch.rand(count, 1, 1, 1, generator=generator) * torch.randn(crops.shape, generator=generator)
    turned = torch.stack([sign, torch.ones(count), sign], -1)
    return crops, angles * turned


def train(images, angles, steps: int, seed: int) -> tuple[PoseNet, float]:
    """-> the network and its mean absolute error in degrees on the last tenth of the identities"""
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    held = len(images) // 10
    net = PoseNet().to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(net.parameters(), 2e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=steps)
    for step in range(steps):
        picked = torch.randint(len(images) - held, (64,), generator=generator)
        crops, target = augmented(images[picked], angles[picked], generator)
        with autocast("cpu"):
            predicted = net(crops.contiguous(memory_format=torch.channels_last))
        loss = nn.functional.smooth_l1_loss(predicted.float() / 10, target / 10)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % 200 == 0:
            print(f"step {step} loss {loss.item():.4f}", flush=True)
    net.eval()
    edge = (STORED - SIZE) // 2
    with torch.no_grad():
        error = (net(images[-held:, :, edge:-edge, edge:-edge].float() / 127.5 - 1) - angles[-held:]).abs().mean().item()
    return net, error


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models")
    parser.add_argument("out")
    parser.add_argument("--identities", type=int, default=300)
    parser.add_argument("--steps", type=int, default=2500)
    parser.add_argument("--seed", type=int, default=90001)
    arguments = parser.parse_args()
    stored = Path(f"{arguments.out}.views.safetensors")
    if not stored.exists():
        images, angles = views(arguments.models, arguments.identities, arguments.seed)
        save_file({"images": images, "angles": angles}, stored)
    data = load_file(stored)
    net, error = train(data["images"], data["angles"], arguments.steps, arguments.seed)
    torch.onnx.export(
        net, (torch.zeros(1, 3, SIZE, SIZE),), arguments.out, input_names=["image"], output_names=["angles"], dynamo=False
    )
    Path(f"{arguments.out}.json").write_text(json.dumps({"identities": arguments.identities, "mae_degrees": error,
                                                         "seed": arguments.seed, "steps": arguments.steps}, sort_keys=True))  # fmt: skip
    print(f"held-out views: mean absolute error {error:.2f} degrees (mean of yaw, pitch and roll)")


if __name__ == "__main__":
    main()
