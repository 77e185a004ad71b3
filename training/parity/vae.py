"""Golden outputs of AutoencoderKLWan: encode (normalised posterior mode) and decode, for several small random configurations.

Latents follow the pipelines' convention: z_model = (z - latents_mean) / latents_std. Inputs and weights are hashed, see golden.py.
"""

import torch
from diffusers import AutoencoderKLWan

from golden import random_tensor, randomise, write_golden

# Frames to encode, latent frames to decode, and the latent height and width. Odd latent sizes and non-square ones on purpose.
CASES = {
    "wan21": {
        "config": {"base_dim": 4, "z_dim": 4, "dim_mult": [1, 2, 4, 4], "num_res_blocks": 2, "temperal_downsample": [False, True, True]},
        "encode_frames": [1, 9],
        "decode_frames": [1, 3],
        "latent_size": [3, 2],
    },
    "flat-z16": {
        "config": {"base_dim": 3, "z_dim": 16, "dim_mult": [1, 1, 1, 1], "num_res_blocks": 1, "temperal_downsample": [False, True, True]},
        "encode_frames": [5],
        "decode_frames": [2],
        "latent_size": [2, 3],
    },
    "tiny": {
        "config": {
            "base_dim": 8,
            "z_dim": 12,
            "dim_mult": [1, 2, 4],
            "num_res_blocks": 1,
            "temperal_downsample": [True, True],
            "patch_size": 2,
            "in_channels": 12,
            "out_channels": 12,
        },
        "encode_frames": [1, 17],
        "decode_frames": [1, 5],
        "latent_size": [3, 2],
    },
    "patch-4": {
        # The proportions of mv2id-tiny: large patches, a first stage wider than base_dim.
        "config": {
            "base_dim": 4,
            "z_dim": 6,
            "dim_mult": [2, 2, 3],
            "num_res_blocks": 1,
            "temperal_downsample": [True, True],
            "patch_size": 4,
            "in_channels": 48,
            "out_channels": 48,
            "scale_factor_spatial": 16,
        },
        "encode_frames": [1, 9],
        "decode_frames": [3],
        "latent_size": [2, 1],
    },
    "time-first": {
        "config": {
            "base_dim": 4,
            "decoder_base_dim": 6,
            "z_dim": 4,
            "dim_mult": [1, 2, 2],
            "num_res_blocks": 1,
            "temperal_downsample": [True, False],
            "scale_factor_temporal": 2,
            "scale_factor_spatial": 4,
        },
        "encode_frames": [9],
        "decode_frames": [5],
        "latent_size": [5, 4],
    },
    "wan22": {
        "config": {
            "base_dim": 4,
            "decoder_base_dim": 6,
            "z_dim": 6,
            "dim_mult": [1, 2, 4, 4],
            "num_res_blocks": 2,
            "temperal_downsample": [False, True, True],
            "is_residual": True,
            "patch_size": 2,
            "in_channels": 12,
            "out_channels": 12,
            "scale_factor_spatial": 16,
        },
        "encode_frames": [1, 9],
        "decode_frames": [1, 3],
        "latent_size": [1, 2],
    },
}


def statistics(z_dim: int) -> dict:
    """latents_mean and latents_std as short decimals, so that JSON carries them exactly."""
    return {
        "latents_mean": [round(0.3 * ((7 * i) % 5 - 2), 4) for i in range(z_dim)],
        "latents_std": [round(0.8 + 0.25 * ((3 * i) % 7), 4) for i in range(z_dim)],
    }


def written_config(vae: AutoencoderKLWan) -> dict:
    """As config.json has it, without the keys that diffusers adds for itself."""
    return {"_class_name": "AutoencoderKLWan", **{key: value for key, value in vae.config.items() if not key.startswith("_")}}


def normalised_mode(vae: AutoencoderKLWan, sample: torch.Tensor) -> torch.Tensor:
    """[B, 3, F, H, W] in [-1, 1] -> [B, z, T, h, w], the latent the transformer sees."""
    mean, std = (torch.tensor(values).view(1, -1, 1, 1, 1) for values in (vae.config.latents_mean, vae.config.latents_std))
    return (vae.encode(sample).latent_dist.mode() - mean) / std


def decoded(vae: AutoencoderKLWan, latents: torch.Tensor) -> torch.Tensor:
    """[B, z, T, h, w] normalised -> [B, 3, F, H, W] in [-1, 1]."""
    mean, std = (torch.tensor(values).view(1, -1, 1, 1, 1) for values in (vae.config.latents_mean, vae.config.latents_std))
    return vae.decode(latents * std + mean, return_dict=False)[0]


def pixel_scale(config: dict) -> int:
    """Pixels to one latent side: 2 for every downsampling stage, times the patch."""
    return 2 ** (len(config["dim_mult"]) - 1) * config.get("patch_size", 1)


@torch.no_grad()
def main() -> None:
    for name, case in CASES.items():
        config = {**case["config"], **statistics(case["config"]["z_dim"])}
        vae = AutoencoderKLWan(**config).eval()
        prefix = f"vae/{name}"
        weights = randomise(vae, prefix)
        height, width = (side * pixel_scale(config) for side in case["latent_size"])
        tensors = {}
        for frames in case["encode_frames"]:
            sample = random_tensor(f"{prefix}/sample/{frames}", [1, 3, frames, height, width])
            tensors[f"encode/{frames}"] = normalised_mode(vae, sample)
        for frames in case["decode_frames"]:
            latents = random_tensor(f"{prefix}/latents/{frames}", [1, config["z_dim"], frames, *case["latent_size"]], scale=1.5)
            tensors[f"decode/{frames}"] = decoded(vae, latents)
        clamped = float((tensors[f"decode/{frames}"].abs() == 1).float().mean())
        print(f"{name}: decode std {tensors[f'decode/{frames}'].std():.3f}, clamped {clamped:.2f}, encode std {tensors[next(iter(tensors))].std():.3f}")
        metadata = {"prefix": prefix, "config": written_config(vae), "height": height, "width": width, "weights": weights}
        write_golden(f"vae-{name}", metadata, tensors)


if __name__ == "__main__":
    main()
