"""Encode a folder of clips once, with the VAE, tokenizer and text encoder of the directory that is fine-tuned.

    python -m training.cache_clips CONFIG RUN [--worker 0/4]

Writes RUN/latents/NNNNN.safetensors a clip, named by its line of the list: clip [z, T, h, w] and references
[R, 1 + encodings, z, h, w] (0 is the unmasked one) float16, normalised; text [l, text_dim] without its padding. Then
empty_text.safetensors and index.json. Start it several times with different workers and, when all have ended, once without: only
what is missing or was made with other settings, or from another file, is encoded.
"""

import argparse
import json
from pathlib import Path

import torch
from diffusers import AutoencoderKLWan, WanPipeline
from safetensors import safe_open
from safetensors.torch import save_file

from training.buckets import Bucket, choose_bucket
from training.clips import to_model_range
from training.dataset import Row, probe, read_clip, read_reference, read_rows
from training.files import read_config, write_json_atomically
from training.reference_conditioning import region_mask

# Wan's pipelines never give more tokens than this, whatever the tokenizer could do.
MAX_TEXT_LENGTH = 512


class Encoders:
    """The frozen part of a model directory. The VAE computes in float32, as is advised for Wan."""

    def __init__(self, config):
        base = Path(config["base"])
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        text_dtype = torch.bfloat16 if config["training"]["mixed_precision"] == "bf16" else torch.float32
        vae = AutoencoderKLWan.from_pretrained(base, subfolder="vae", dtype=torch.float32)
        self.pipeline = WanPipeline.from_pretrained(
            base, transformer=None, transformer_2=None, vae=vae, dtype=text_dtype
        ).to(self.device)
        self.vae = self.pipeline.vae
        self.text_length = min(MAX_TEXT_LENGTH, int(self.pipeline.tokenizer.model_max_length))

    def text(self, caption: str) -> torch.Tensor:
        """-> [l, text_dim]: the rows of the caption's own tokens"""
        embeddings, _ = self.pipeline.encode_prompt(
            caption, do_classifier_free_guidance=False, max_sequence_length=self.text_length, device=self.device
        )
        used = embeddings[0].abs().amax(dim=1).nonzero()
        return embeddings[0, : int(used.max()) + 1].cpu().contiguous()

    def video(self, frames: torch.Tensor) -> torch.Tensor:
        """uint8 [F, 3, H, W] -> float16 [z, T, h, w]"""
        pixels = to_model_range(frames).transpose(0, 1)[None].to(self.device)
        mean, std = latent_statistics(self.vae)
        latents = self.vae.encode(pixels).latent_dist.mode()
        return ((latents - mean) / std)[0].half().cpu().contiguous()

    def images(self, images: torch.Tensor) -> torch.Tensor:
        """uint8 [N, 3, H, W] -> float16 [N, z, h, w], each a clip of one frame"""
        return torch.stack([self.video(image[None])[:, 0] for image in images])


def latent_statistics(vae):
    """latents_mean and latents_std, [1, z, 1, 1, 1] each."""
    return (
        torch.tensor(values, device=vae.device, dtype=torch.float32).view(1, -1, 1, 1, 1)
        for values in (vae.config.latents_mean, vae.config.latents_std)
    )


def grid(base: Path):
    """(pixels a side, frames) that sizes are multiples of, the latter plus one."""
    vae = json.loads((base / "vae/config.json").read_text())
    patch = json.loads((base / "transformer/config.json").read_text())["patch_size"]
    return vae.get("scale_factor_spatial", 8) * patch[1], vae.get("scale_factor_temporal", 4)


def check_grid(config):
    """Raises ValueError for a size that the model cannot have."""
    side, frames = grid(Path(config["base"]))
    data = config["data"]
    if data["side_step"] % side:
        raise ValueError(f"data.side_step must be a multiple of {side}, the model's grid, got {data['side_step']}.")
    for i, n in enumerate(data["num_frames"]):
        if (n - 1) % frames:
            raise ValueError(f"data.num_frames[{i}] must be a multiple of {frames}, plus 1, got {n}.")
    if config["region_masking"]["enabled"] and not config["region_masking"]["encodings"]:
        raise ValueError("region_masking.encodings must be at least 1 where masking is enabled, got 0.")


def fingerprint(config, row: Row, bucket: Bucket) -> str:
    """What an encoded clip depends on; of files their sizes and times, as their bytes may be many."""
    base = Path(config["base"])
    weights = sorted(path for part in ("vae", "text_encoder", "tokenizer") for path in (base / part).iterdir())
    stats = [[path.name, path.stat().st_size] for path in weights]
    sources = [[str(path), path.stat().st_size, path.stat().st_mtime_ns] for path in (row.clip, *row.references)]
    masking = {key: config["region_masking"][key] for key in ("ratio", "rows", "encodings")}
    return json.dumps([config["seed"], config["data"]["fps"], masking, row.caption, bucket, stats, sources])


def is_current(path: Path, wanted: str) -> bool:
    if not path.exists():
        return False
    with safe_open(path, "pt") as file:
        return (file.metadata() or {}).get("fingerprint") == wanted


def save(tensors, path: Path, **metadata):
    partial = path.with_suffix(".partial")
    save_file(tensors, partial, metadata=metadata)
    partial.rename(path)


@torch.no_grad()
def encode_row(encoders: Encoders, config, number: int, row: Row, bucket: Bucket):
    masking, size = config["region_masking"], bucket[1:]
    views = torch.stack([read_reference(path, *size) for path in row.references])
    generator = torch.Generator().manual_seed(config["seed"] + number)
    variants = [views]
    for _ in range(masking["encodings"]):
        mask = region_mask(len(views), *size, masking["ratio"], masking["rows"], generator)
        variants.append(views * mask.to(torch.uint8))
    return {
        "clip": encoders.video(read_clip(row.clip, bucket.frames, config["data"]["fps"], *size)),
        "references": torch.stack([encoders.images(variant) for variant in variants], dim=1),
        "text": encoders.text(row.caption),
    }


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config")
    parser.add_argument("run")
    parser.add_argument("--worker", default="0/1", help="this process's share, as INDEX/COUNT")
    arguments = parser.parse_args(argv)
    config, folder = read_config(arguments.config), Path(arguments.run) / "latents"
    check_grid(config)
    folder.mkdir(parents=True, exist_ok=True)
    worker, workers = map(int, arguments.worker.split("/"))
    data = config["data"]
    clips, left_out, encoders = [], 0, None
    for number, row in enumerate(read_rows(data["clips"])):
        found = probe(row.clip)
        # A thousandth of a frame is what rounding may take from a clip that is just long enough.
        bucket = choose_bucket(found.width, found.height, int(found.seconds * data["fps"] + 1e-3), data)
        if bucket is None:
            left_out += 1
            print(f"{row.clip}: left out, {found.width} x {found.height}, {found.seconds:.2f} s", flush=True)
            continue
        target = folder / f"{number:05d}.safetensors"
        clips.append({"file": target.name, "bucket": list(bucket), "references": len(row.references), "caption": row.caption})
        wanted = fingerprint(config, row, bucket)
        if number % workers == worker and not is_current(target, wanted):
            encoders = encoders or Encoders(config)
            save(encode_row(encoders, config, number, row, bucket), target, fingerprint=wanted)
            print(f"{target} {bucket.width} x {bucket.height}, {bucket.frames} frames", flush=True)
    if not clips:
        raise ValueError(f"data.areas and data.num_frames must suit at least one clip of {data['clips']}, got none that does.")
    if workers == 1:
        encoders = encoders or Encoders(config)
        with torch.no_grad():
            texts = {"text": encoders.text(""), "negative": encoders.text(config["generation"]["negative_prompt"])}
        save(texts, folder / "empty_text.safetensors")
        write_json_atomically({"clips": clips, "text_length": encoders.text_length}, folder / "index.json")
        print(f"{len(clips)} clips in {len({tuple(clip['bucket']) for clip in clips})} buckets, {left_out} left out")


if __name__ == "__main__":
    main()
