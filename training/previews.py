"""Videos of held-out clips while a fine-tuning runs: RUN/previews/<step>/<i>.mp4, references on the left, the true clip on the right.

Made with the weights as they are, not averaged, with the scheduler, VAE and, in Wan 2.2 A14B, the other expert of the directory;
those are loaded for as long as it takes. Every process takes part, as a model that is spread over them needs.
"""

from pathlib import Path

import torch
from diffusers import AutoencoderKLWan, FlowMatchEulerDiscreteScheduler, UniPCMultistepScheduler
from safetensors.torch import load_file

from training.backbone import EXPERTS, Backbone, noise_levels
from training.buckets import padded
from training.cache_clips import latent_statistics
from training.dataset import write_video
from training.sharding import shard

SCHEDULERS = {cls.__name__: cls for cls in (UniPCMultistepScheduler, FlowMatchEulerDiscreteScheduler)}


class Previews:
    def __init__(self, config, run, data):
        """data: CachedClips. Raises ValueError when fewer clips are held out than shown."""
        settings = config["previews"]
        if settings["clips"] > len(data.held_out):
            raise ValueError(f"previews.clips must be at most data.held_out, {len(data.held_out)}, got {settings['clips']}.")
        self.config, self.run, self.data = config, Path(run), data
        self.every_steps = settings["every_steps"]
        self.clips = data.held_out[: settings["clips"]]

    @torch.no_grad()
    def make(self, model, step: int, accelerator):
        """model: what is trained, as DDP does not wrap it."""
        folder = self.run / "previews" / f"{step:08d}"
        folder.mkdir(parents=True, exist_ok=True)
        models = self._experts(model, accelerator)
        for i, clip in enumerate(self.clips):
            tensors = load_file(self.data.folder / clip["file"])
            views, truth = tensors["references"][:, 0].float(), tensors["clip"].float()
            views = views[: self.config["reference_conditioning"]["max_references"]]
            with accelerator.autocast():
                latents = self._generate(models, views, tensors["text"], truth.shape, i, accelerator.device)
            if accelerator.is_main_process:
                write_video(folder / f"{i}.mp4", self._sheet(views, latents[0], truth, accelerator.device), self.config["data"]["fps"])

    def _experts(self, model, accelerator):
        """[(model, lowest sigma)], that of the highest noise first."""
        found = {self.config["expert"]: model}
        if model.noise_levels != (0.0, 1.0):
            (other,) = set(EXPERTS) - set(found)
            backbone = Backbone(self.config, expert=other)
            sharded = self.config["training"]["sharding"] == "full"
            found[other] = shard(backbone, accelerator.device) if sharded else backbone.to(accelerator.device)
        base = Path(self.config["base"])
        return [(found[name], noise_levels(base, name)[0]) for name in EXPERTS if name in found]

    def _generate(self, models, views, text, shape, seed, device):
        """views [n, C, h, w], text [l, text_dim] -> [1, C, T, h, w]"""
        generation = self.config["generation"]
        negative = load_file(self.data.folder / "empty_text.safetensors")["negative"]
        text, negative = (padded(value, self.data.text_length)[None].to(device) for value in (text, negative))
        references = views.transpose(0, 1)[None].to(device)
        text_scale, image_scale = generation["guidance"]["text"], generation["guidance"]["image"]
        scheduler = make_scheduler(Path(self.config["base"]))
        scheduler.set_timesteps(generation["steps"])
        latents = torch.randn(1, *shape, generator=torch.Generator().manual_seed(seed)).to(device)
        for t in scheduler.timesteps:
            timestep = t.float().expand(1).to(device)
            model = next(model for model, lowest in models if t >= lowest * 1000)
            both = model(latents, references, timestep, text).float()
            only = model(latents, references, timestep, negative).float()
            neither = model(latents, None, timestep, negative).float()
            velocity = neither + image_scale * (only - neither) + text_scale * (both - only)
            latents = scheduler.step(velocity, t, latents, return_dict=False)[0]
        return latents

    def _sheet(self, views, latents, truth, device):
        """-> uint8 [F, 3, H, W]"""
        vae = AutoencoderKLWan.from_pretrained(self.config["base"], subfolder="vae", dtype=torch.float32).to(device)
        mean, std = latent_statistics(vae)

        def decoded(values):
            video = vae.decode(values[None].float().to(device) * std + mean).sample[0].transpose(0, 1)
            return ((video.clamp(-1, 1) + 1) * 127.5).round().byte().cpu()

        video, true = decoded(latents), decoded(truth)
        images = [decoded(view[:, None])[0] for view in views]
        left = torch.cat(images, dim=-1).expand(len(video), -1, -1, -1)
        return torch.cat([left, video, true], dim=-1)


def make_scheduler(base: Path):
    """The one that the directory names."""
    config = UniPCMultistepScheduler.load_config(base / "scheduler")
    return SCHEDULERS[config["_class_name"]].from_config(config)
