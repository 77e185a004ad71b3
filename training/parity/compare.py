"""The PyTorch side of `npm run parity`: random inputs, and what diffusers and transformers make of them.

    python compare.py request.json out.safetensors

request.json is written by compare.ts: model_dir, parts, width, height, num_frames, num_references, steps, text_length,
conditioning (presets filled in), boundary_ratio, prompt, negative_prompt, guidance. Out go inputs (`in/...`) and results
(`out/...`), float32, so that the other side can run the same.
"""

import json
import sys
from pathlib import Path

import diffusers
import torch
import transformers
from diffusers import AutoencoderKLWan, WanTransformer3DModel
from safetensors.torch import save_file
from transformers import AutoTokenizer

from reference_pipeline import Job, Parts, decode, encode, sample_latents, tokenize, velocity

CLIP_FRAMES = 5


class Comparison:
    def __init__(self, request: dict):
        self.request = request
        self.dir = Path(request["model_dir"])
        self.index = json.loads((self.dir / "model_index.json").read_text())
        self.generator = torch.Generator().manual_seed(20260321)
        self.tensors: dict[str, torch.Tensor] = {}
        self.parts = Parts(None, None, None, None, None, None, request["text_length"], request["boundary_ratio"], request["conditioning"])

    def draw(self, name: str, *shape: int) -> torch.Tensor:
        """A standard normal input, kept as `in/<name>`."""
        tensor = torch.randn(*shape, generator=self.generator)
        self.tensors[f"in/{name}"] = tensor
        return tensor

    def draw_pixels(self, name: str, *shape: int) -> torch.Tensor:
        tensor = torch.rand(*shape, generator=self.generator) * 2 - 1
        self.tensors[f"in/{name}"] = tensor
        return tensor

    def run(self) -> dict[str, torch.Tensor]:
        for part in self.request["parts"]:
            print(f"PyTorch: {part.replace('_', ' ')}", file=sys.stderr, flush=True)
            getattr(self, part)()
        return {name: tensor.detach().contiguous().clone() for name, tensor in self.tensors.items()}

    def text_encoder(self) -> None:
        self.load_text()
        for name in ("prompt", "negative_prompt"):
            input_ids, mask = tokenize(self.parts, self.request[name])
            self.tensors[f"out/input_ids/{name}"] = input_ids
            self.tensors[f"out/attention_mask/{name}"] = mask
            hidden = self.parts.text_encoder(input_ids=input_ids, attention_mask=mask).last_hidden_state
            self.tensors[f"out/last_hidden_state/{name}"] = hidden * mask[..., None]

    def vae(self) -> None:
        vae = self.load_vae()
        height, width = self.request["height"], self.request["width"]
        self.tensors["out/vae/image"] = encode(vae, self.draw_pixels("vae/image", 1, 3, 1, height, width))
        self.tensors["out/vae/clip"] = encode(vae, self.draw_pixels("vae/clip", 1, 3, CLIP_FRAMES, height, width))
        self.tensors["out/vae/sample"] = decode(vae, self.draw("vae/latents", *self.latent_shape()))

    def transformer(self) -> None:
        self.load_transformers()
        text_dim = self.parts.transformer.config.text_dim
        shape = self.latent_shape()
        latents = self.draw("transformer/latents", *shape)
        text = self.draw("transformer/text", 1, self.request["text_length"], text_dim)
        references = self.draw("transformer/references", *shape[:2], max(self.request["num_references"], 1), *shape[3:])
        timestep = torch.tensor([637.0])
        for expert in ("transformer", "transformer_2"):
            module = getattr(self.parts, expert)
            if module is None:
                continue
            self.tensors[f"out/{expert}/alone"] = velocity(self.parts, module, latents, None, timestep, text)
            if self.request["num_references"] > 0:
                self.tensors[f"out/{expert}/references"] = velocity(self.parts, module, latents, references, timestep, text)

    def scheduler(self) -> None:
        scheduler = self.load_scheduler()
        scheduler.set_timesteps(self.request["steps"])
        sample = self.draw("scheduler/sample", 1, 64)
        self.tensors["out/scheduler/sigmas"] = scheduler.sigmas.float()
        self.tensors["out/scheduler/timesteps"] = scheduler.timesteps.float()
        for index, timestep in enumerate(scheduler.timesteps):
            sample = scheduler.step(self.draw(f"scheduler/output/{index}", 1, 64), timestep, sample, return_dict=False)[0]
            self.tensors[f"out/scheduler/sample/{index}"] = sample

    def pipeline(self) -> None:
        self.load_text()
        vae = self.load_vae()
        self.load_transformers()
        self.load_scheduler()
        count = self.request["num_references"]
        references = self.draw_pixels("pipeline/references", count, 3, self.request["height"], self.request["width"]) if count > 0 else None
        noise = self.draw("pipeline/noise", *self.latent_shape())
        job = Job(self.request["prompt"], self.request["negative_prompt"], self.request["steps"], self.request["guidance"], references, noise)
        latents = sample_latents(self.parts, job)
        self.tensors["out/pipeline/latents"] = latents
        self.tensors["out/pipeline/frames"] = decode(vae, latents)

    def latent_shape(self) -> list[int]:
        return [1, *self.request["latent_shape"]]

    def load_text(self) -> None:
        if self.parts.text_encoder is None:
            encoder_class = getattr(transformers, self.index["text_encoder"][1])
            self.parts.text_encoder = encoder_class.from_pretrained(self.dir / "text_encoder", dtype=torch.float32).eval()
            self.parts.tokenizer = AutoTokenizer.from_pretrained(self.dir / "tokenizer")

    def load_vae(self) -> torch.nn.Module:
        if self.parts.vae is None:
            self.parts.vae = AutoencoderKLWan.from_pretrained(self.dir / "vae", torch_dtype=torch.float32).eval()
        return self.parts.vae

    def load_transformers(self) -> None:
        if self.parts.transformer is None:
            for name in ("transformer", "transformer_2"):
                if self.index.get(name, [None, None])[1] is not None:
                    module = WanTransformer3DModel.from_pretrained(self.dir / name, torch_dtype=torch.float32).eval()
                    setattr(self.parts, name, module)

    def load_scheduler(self):
        self.parts.scheduler = getattr(diffusers, self.index["scheduler"][1]).from_pretrained(self.dir / "scheduler")
        return self.parts.scheduler


@torch.no_grad()
def main() -> None:
    request = json.loads(Path(sys.argv[1]).read_text())
    torch.set_num_threads(request["threads"])
    transformers.logging.disable_progress_bar()
    save_file(Comparison(request).run(), sys.argv[2])


if __name__ == "__main__":
    main()
