"""Stage 3: encode every clip and reference once; the transformer then trains on latents alone.

    python -m training.cache_latents training/config/mv2id-tiny.json training/runs/tiny

Region masking acts on pixels before the VAE, so masked references are encoded here too, `encodings` draws of each.
Writes RUN/latents/NNNNN.safetensors, float16, not yet normalised: clips [N, z, T, h, w] with the places `frames` [N, T] of
their latent frames, references [N, R, 1 + encodings, z, h, w] (0 is the unmasked one), captions in the metadata; then
RUN/latents/statistics.json. The clips are not needed any more after it.
"""

import argparse
import json
from pathlib import Path

import torch
from diffusers import AutoencoderKLWan
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from training.clips import Clips, to_model_range
from training.files import Ema, read_config, write_json_atomically
from training.precision import autocast
from training.reference_conditioning import region_mask
from training.train_vae import channels_last, fast_single_frames


def load_vae(config, run, device="cpu"):
    """The averaged weights of stage 2, or the VAE of a model directory (or of a run that has one: RUN/vae)."""
    if (Path(run) / "vae").is_dir():
        vae = AutoencoderKLWan.from_pretrained(Path(run) / "vae", torch_dtype=torch.float32).to(device)
    else:
        state = torch.load(Path(run) / "vae.pt", map_location=device)
        vae = AutoencoderKLWan(**config["vae"]).to(device)
        vae.load_state_dict(state["vae"])
        Ema.load_into(vae, state["ema"])
    return fast_single_frames(channels_last(vae)).eval().requires_grad_(False)


def encode_images(vae, images, device):
    """images uint8 [N, 3, H, W] -> posterior mode float16 [N, z, h, w], 32 at a time"""
    return torch.cat([encode(vae, part[:, None], device)[:, :, 0] for part in images.split(32)])


def encode(vae, video, device):
    """video uint8 [B, F, 3, H, W] -> posterior mode float16 [B, z, T, h, w]"""
    video = to_model_range(video).transpose(1, 2).to(device, memory_format=torch.channels_last_3d)
    with autocast(device):
        return vae.encode(video).latent_dist.mode().half().cpu()


def encode_clips(vae, clips, device, frames_independent: bool):
    """clips uint8 [N, F, 3, H, W] -> [N, z, T, h, w]"""
    if frames_independent:
        return encode_images(vae, clips.flatten(0, 1), device).unflatten(0, clips.shape[:2]).transpose(1, 2)
    return torch.cat([encode(vae, part, device) for part in clips.split(4)])


def encode_references(vae, references, masking, generator, device):
    """references uint8 [N, R, 3, H, W] -> [N, R, 1 + encodings, z, h, w]"""
    flat = references.flatten(0, 1)
    variants = [flat]
    for _ in range(masking["encodings"]):
        mask = region_mask(len(flat), *flat.shape[-2:], masking["ratio"], masking["rows"], generator)
        variants.append(flat * mask.to(torch.uint8))
    encoded = torch.stack([encode_images(vae, variant, device) for variant in variants], dim=1)
    return encoded.unflatten(0, references.shape[:2])


def read_statistics(run) -> dict:
    """latents_mean and latents_std of a run, or of a model directory."""
    finished = Path(run) / "vae/config.json"
    values = json.loads((finished if finished.exists() else Path(run) / "latents/statistics.json").read_text())
    return {name: values[name] for name in ("latents_mean", "latents_std")}


def write_statistics(folder, known: dict | None = None, shards=16):
    """Mean of each latent channel and one deviation for all: those that a finished VAE has, or over the clips.

    One for all keeps the channels' shares as the VAE made them: a faint detail stays faint beside the noise.
    """
    if known is not None:
        write_json_atomically(known, folder / "statistics.json")
        return
    values = []
    for path in sorted(folder.glob("*.safetensors"))[:shards]:
        values.append(load_file(path)["clips"].float().transpose(0, 1).flatten(1))
    values = torch.cat(values, dim=1)
    statistics = {"latents_mean": values.mean(1).tolist(), "latents_std": [values.var(1).mean().sqrt().item()] * len(values)}
    (folder / "statistics.json").write_text(json.dumps(statistics, indent=2))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config")
    parser.add_argument("run")
    parser.add_argument("--worker", default="0/1", help="this process's share, as INDEX/COUNT")
    arguments = parser.parse_args()
    config, run = read_config(arguments.config), Path(arguments.run)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    vae = load_vae(config, run, device)
    folder = run / "latents"
    folder.mkdir(exist_ok=True)
    # A VAE that was trained on single frames never learnt to look back: its frames can be encoded as images.
    frames_independent = config["vae_training"]["clip_lengths"] == [1]
    torch.set_grad_enabled(False)
    worker, workers = map(int, arguments.worker.split("/"))
    for source in Clips(run).paths[worker::workers]:
        target = folder / source.name
        if target.exists():
            continue
        tensors = load_file(source)
        generator = torch.Generator().manual_seed(config["seed"] + int(source.stem))
        latents = encode_clips(vae, tensors["clips"], device, frames_independent)
        frames = tensors["frames"] if frames_independent else torch.arange(latents.shape[2]).repeat(len(latents), 1)
        references = encode_references(vae, tensors["references"], config["region_masking"], generator, device)
        partial = target.with_suffix(".partial")
        encoded = {"clips": latents.contiguous(), "references": references.contiguous(), "frames": frames}
        save_file(encoded, partial, metadata={"captions": safe_open(source, "pt").metadata()["captions"]})
        partial.rename(target)
        print(target, flush=True)
    write_statistics(folder, read_statistics(run) if (run / "vae").is_dir() else None)


if __name__ == "__main__":
    main()
