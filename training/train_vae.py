"""Stage 2: train the VAE (diffusers ``AutoencoderKLWan``) on rendered frames and short clips.

    python -m training.train_vae training/config/mv2id-tiny.json training/runs/tiny

Loss: L1 + L1 of the image gradients (edges carry the traits) + a little KL. Batches mix single images, references on
white (some with masked regions, as region masking feeds them) and short clips. Checkpoints to RUN/vae.pt and resumes
from it; writes RUN/vae-samples.png to look at.
"""

import argparse
import time
from pathlib import Path
from types import MethodType

import torch
from diffusers import AutoencoderKLWan
from diffusers.models.autoencoders.autoencoder_kl_wan import WanCausalConv3d
from PIL import Image

from training.clips import Clips, to_model_range
from training.files import Ema, append_metrics, read_config, save_atomically, stop_asked
from training.pca_start import start_from_pca
from training.precision import autocast
from training.reference_conditioning import region_mask


def sample_batch(clips: Clips, config, generator):
    """-> video [B, 3, F, H, W] in [-1, 1] with B * F about frames_per_batch, what its pixels count [B, 1, F, H, W]"""
    settings, data, masking = config["vae_training"], config["data"], config["region_masking"]
    lengths = settings["clip_lengths"]
    length = lengths[torch.randint(len(lengths), (), generator=generator)]
    batch, weights = [], []
    for _ in range(max(1, settings["frames_per_batch"] // length)):
        index = torch.randint(len(clips), (), generator=generator).item()
        if length == 1 and torch.rand((), generator=generator) < 0.5:
            view = torch.randint(data["references_per_clip"], (), generator=generator).item()
            image = to_model_range(clips.get("references", index, slice(view, view + 1)))
            if torch.rand((), generator=generator) < 0.1:
                mask = region_mask(1, *image.shape[-2:], masking["ratio"], masking["rows"], generator)
                image = (image + 1) * mask - 1
            batch.append(image)
            weights.append(torch.ones_like(image[:, :, :1]))
        else:
            start = torch.randint(clips.num_frames(index) - length + 1, (), generator=generator).item()
            frames = slice(start, start + length)
            batch.append(to_model_range(clips.get("clips", index, frames)))
            some = settings["trait_weight"]
            weights.append(clips.trait_weights(index, frames, some) if some else torch.ones_like(batch[-1][:, :, :1]))
    return torch.cat(batch).transpose(1, 2).contiguous(), torch.cat(weights).transpose(1, 2)


def some_images(clips: Clips, num):
    """Frames and references from all over the data, alternating. -> [num, 3, H, W] in [-1, 1]"""
    images = []
    for i in range(num):
        index = i * len(clips) // num
        pictures = clips.get("references" if i % 2 else "clips", index)[0]
        images.append(pictures[i // 2 % len(pictures)])
    return to_model_range(torch.stack(images))


def gradients(x):
    return x[..., 1:, :] - x[..., :-1, :], x[..., 1:] - x[..., :-1]


def reconstruction_loss(prediction, target, weights, gradient_weight):
    loss = ((prediction - target).abs() * weights).mean()
    for a, b, weight in zip(gradients(prediction), gradients(target), (weights[..., 1:, :], weights[..., 1:])):
        loss = loss + gradient_weight * ((a - b).abs() * weight).mean()
    return loss


def psnr(a, b):
    """Of images in [-1, 1], in dB."""
    return (-10 * ((a.clamp(-1, 1) - b) / 2).pow(2).mean().log10()).item()


def channels_last(vae):
    """Convolution weights in the layout that CPU and GPU kernels prefer; values are unchanged."""
    for module in vae.modules():
        if isinstance(module, torch.nn.Conv3d):
            module.weight.data = module.weight.data.contiguous(memory_format=torch.channels_last_3d)
    return vae


def fast_single_frames(vae):
    """Single frames through 2-D convolutions: the two earlier frames of every causal kernel are zero padding there."""
    causal = WanCausalConv3d.forward

    def forward(self, x, cache_x=None):
        if cache_x is not None or x.shape[2] != 1 or self.kernel_size[0] == 1:
            return causal(self, x, cache_x)
        padding = (self._padding[2], self._padding[0])
        return torch.nn.functional.conv2d(x[:, :, 0], self.weight[:, :, -1], self.bias, padding=padding)[:, :, None]

    for module in vae.modules():
        if isinstance(module, WanCausalConv3d):
            module.forward = MethodType(forward, module)
    return vae


@torch.no_grad()
def initialize(vae):
    """A start from which it learns several times faster than from PyTorch's.

    Convolutions keep the size of their input (the two earlier frames of a causal kernel are mostly zero at first), and
    the posterior is narrow: at the default width its noise drowns the image for the first thousand steps.
    """
    for module in vae.modules():
        if isinstance(module, (torch.nn.Conv2d, torch.nn.Conv3d)):
            fan_in = module.weight[0].numel() / (module.kernel_size[0] if len(module.kernel_size) == 3 else 1)
            torch.nn.init.normal_(module.weight, std=fan_in**-0.5)
            torch.nn.init.zeros_(module.bias)
    z_dim = vae.config.z_dim
    vae.quant_conv.weight[z_dim:].zero_()
    vae.quant_conv.bias[z_dim:].fill_(-6.0)
    return vae


@torch.no_grad()
def write_samples(vae, clips, path, num=4):
    rows = []
    for index in range(num):
        video = to_model_range(clips.get("clips", len(clips) - 1 - index)).transpose(1, 2)
        decoded = vae.decode(vae.encode(video).latent_dist.mode()).sample
        rows.append(torch.cat([torch.cat(list(v[0, :, ::4].unbind(1)), dim=-1) for v in (video, decoded)], dim=-2))
    sheet = torch.cat(rows, dim=-2)
    Image.fromarray(((sheet + 1) * 127.5).clamp(0, 255).byte().permute(1, 2, 0).numpy()).save(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config")
    parser.add_argument("run")
    parser.add_argument("--minutes", type=float, default=1e9, help="stop after this long, even before the last step")
    arguments = parser.parse_args()
    config, run = read_config(arguments.config), Path(arguments.run)
    settings = config["vae_training"]
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(config["seed"])
    vae = initialize(AutoencoderKLWan(**config["vae"]))
    if settings["start"] == "pca":
        start_from_pca(vae, some_images(Clips(run), 1500))
    vae = fast_single_frames(channels_last(vae)).to(device).train()
    optimizer = torch.optim.AdamW(vae.parameters(), lr=settings["learning_rate"], betas=(0.9, 0.98), weight_decay=0.0)
    ema = Ema(vae, settings["ema_decay"])
    step = 0
    if (run / "vae.pt").exists():
        state = torch.load(run / "vae.pt", map_location=device)
        vae.load_state_dict(state["vae"])
        optimizer.load_state_dict(state["optimizer"])
        ema.load_state_dict(state["ema"])
        step = state["step"]

    def save():
        state = {"vae": vae.state_dict(), "optimizer": optimizer.state_dict(), "ema": ema.state_dict(), "step": step}
        save_atomically(state, run / "vae.pt")
        evaluated = AutoencoderKLWan(**config["vae"])
        evaluated.load_state_dict(vae.state_dict())
        ema.copy_to(evaluated)
        write_samples(evaluated.eval(), Clips(run), run / "vae-samples.png")

    started = saved = time.time()
    losses, values = [], []
    budget = min(arguments.minutes * 60, 1e9)
    clips = Clips(run)
    while step < settings["steps"]:
        if step % 100 == 0:
            clips = Clips(run)  # more shards may have been rendered since
        elapsed = time.time() - started
        if elapsed > budget or stop_asked(run):
            break
        # Linear decay to 2 % over whichever ends first, the steps or the minutes.
        progress = max(step / settings["steps"], elapsed / budget)
        rate = settings["learning_rate"] * min((step + 1) / settings["warmup_steps"], 1 - 0.98 * progress)
        for group in optimizer.param_groups:
            group["lr"] = rate
        generator = torch.Generator().manual_seed(config["seed"] + step)
        video, weights = sample_batch(clips, config, generator)
        video = video.to(device, memory_format=torch.channels_last_3d)
        with autocast(device):
            posterior = vae.encode(video).latent_dist
            decoded = vae.decode(posterior.sample()).sample
        # Edges count more and more: from the start, they would teach it to paint everything flat.
        loss = reconstruction_loss(decoded.float(), video, weights.to(device), settings["gradient_weight"] * min(1.0, 2 * progress))
        total = loss + settings["kl_weight"] * posterior.kl().mean()
        optimizer.zero_grad(set_to_none=True)
        total.backward()
        norm = torch.nn.utils.clip_grad_norm_(vae.parameters(), 1.0)
        optimizer.step()
        ema.update(vae)
        step += 1
        losses.append(loss.item())
        values.append(psnr(decoded.float(), video))
        if step % 20 == 0:
            mean, value = sum(losses) / len(losses), sum(values) / len(values)
            losses, values = [], []
            append_metrics(run, "vae", step=step, loss=mean, psnr=value, seconds=elapsed)
            print(f"step {step} loss {mean:.4f} psnr {value:.1f} norm {norm:.2f} lr {rate:.1e} {elapsed:.0f} s", flush=True)
        if time.time() - saved > 150:
            save()
            saved = time.time()
    save()


if __name__ == "__main__":
    main()
