"""Generate the clips of the held-out cases with a model, for training.measure.score.

    python -m training.measure.generate CONFIG RUN generated.safetensors --identities 64 --references 3
    python -m training.measure.generate CONFIG RUN truth.safetensors --reconstruct       # what the VAE alone makes of the truth

The model is a run's averaged checkpoint. Batches are kept beside the output until all are there, so an interrupted call goes on.
"""

import argparse
import json
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from training.cache_latents import load_vae
from training.clips import to_model_range
from training.files import read_config
from training.measure.cases import Cases, held_out_cases, to_uint8
from training.precision import autocast
from training.sample import draw_noise, encode_views, generate, latent_frames, load_model, statistics


class Generator:
    """A run's model, ready to generate batches of cases."""

    def __init__(self, config, run):
        self.config, self.device = config, "cuda" if torch.cuda.is_available() else "cpu"
        self.vae = load_vae(config, run, self.device)
        model, self.tokenizer = load_model(config, run)
        self.model = model.to(self.device)
        self.mean, self.std = (value.to(self.device) for value in statistics(run))

    def autocast(self):
        return autocast(self.device, self.config["training"]["mixed_precision"])

    @torch.no_grad()
    def clips(self, cases: Cases, part: slice, num_references: int, steps: int, text: float, image: float, seed: int) -> Tensor:
        """-> uint8 [B, F, 3, S, S]. The noise of a case depends on the seed and the case only.

        Cases of fewer frames than the model's are those frames of its clips that lie as far apart; for a VAE that does not compress time.
        """
        num_frames = cases.truth.shape[1]
        fewer = num_frames != self.config["data"]["num_frames"]
        kept = torch.linspace(0, latent_frames(self.config) - 1, num_frames).round().long() if fewer else None
        views = to_model_range(cases.references[part, :num_references]).to(self.device)
        with self.autocast():
            references = encode_views(self.vae, views, self.mean, self.std).float()
            noise = [
                draw_noise(self.config, references[:1], torch.Generator().manual_seed(seed * 100_003 + index), num_frames if fewer else None)
                for index in range(part.start, part.start + len(references))
            ]
            captions, noise = cases.captions[part], torch.cat(noise).to(self.device)
            latents = generate(self.model, self.tokenizer, self.config, references, captions, noise, steps, text, image, kept)
            return self.decode(latents)

    @torch.no_grad()
    def reconstructed(self, frames: Tensor) -> Tensor:
        """The truth through the VAE and back: what no model of its latents can better."""
        with self.autocast():
            video = to_model_range(frames).transpose(1, 2).to(self.device)
            latents = (self.vae.encode(video).latent_dist.mode() - self.mean) / self.std
            return self.decode(latents)

    def decode(self, latents: Tensor) -> Tensor:
        decoded = [self.vae.decode(one[None] * self.std + self.mean).sample for one in latents.float()]
        return to_uint8((torch.cat(decoded).float().transpose(1, 2).cpu() + 1) / 2)


def generate_all(generator: Generator, cases: Cases, out: Path, settings: dict, batch: int = 8, reconstruct: bool = False):
    """Writes out: frames of every case, `settings` in the metadata."""
    parts = out.with_suffix(".parts")
    parts.mkdir(parents=True, exist_ok=True)
    for start in range(0, len(cases), batch):
        path, part = parts / f"{start:05d}.safetensors", slice(start, min(start + batch, len(cases)))
        if path.exists():
            continue
        if reconstruct:
            frames = generator.reconstructed(cases.truth[part])
        else:
            frames = generator.clips(
                cases, part, settings["num_references"], settings["steps"], settings["text"], settings["image"], settings["seed"]
            )
        save_file({"frames": frames.contiguous()}, path.with_suffix(".partial"))
        path.with_suffix(".partial").rename(path)
        print(f"{out.stem}: {part.stop} of {len(cases)}", flush=True)
    paths = sorted(parts.glob("*.safetensors"))
    save_file({"frames": torch.cat([load_file(path)["frames"] for path in paths])}, out, {"settings": json.dumps(settings)})
    for path in paths:
        path.unlink()
    parts.rmdir()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config")
    parser.add_argument("run")
    parser.add_argument("out")
    parser.add_argument("--identities", type=int, default=64)
    parser.add_argument("--references", type=int, default=3)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--text-scale", type=float, default=2.0)
    parser.add_argument("--image-scale", type=float, default=1.5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--reconstruct", action="store_true")
    arguments = parser.parse_args()
    config = read_config(arguments.config)
    data = config["data"]
    cases = held_out_cases(arguments.identities, data["num_frames"], data["size"], data["fps"])
    settings = {
        "size": data["size"], "fps": data["fps"], "num_references": arguments.references, "steps": arguments.steps,
        "text": arguments.text_scale, "image": arguments.image_scale, "seed": arguments.seed,
    }  # fmt: skip
    generator = Generator(config, arguments.run)
    generate_all(generator, cases, Path(arguments.out), settings, arguments.batch, arguments.reconstruct)


if __name__ == "__main__":
    main()
