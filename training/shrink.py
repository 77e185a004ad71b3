"""Make a trained model smaller: a narrower VAE and fewer feed-forward neurons, from what the large one has learnt.

    python -m training.shrink training/config/mv2id-tiny.json LARGE RUN OUT --minutes 12

LARGE is a model directory, RUN a run with rendered clips, OUT the directory to write. The config says the new sizes: `vae.base_dim`,
`vae.decoder_base_dim`, `transformer.ffn_dim`.

The VAE keeps its latent space, so the transformer need not learn another: its narrow encoder is trained to give the latents of the wide
one, its narrow decoder to give the picture from them. Both begin as the channels of the wide ones that carry most. The transformer loses
the neurons that say least, and what they said is given to those that stay, by least squares (as in Hassibi & Stork, 1993, for whole neurons).
"""

import argparse
import json
import shutil
import time
from pathlib import Path

import torch
from diffusers import AutoencoderKLWan, WanTransformer3DModel
from diffusers.models.autoencoders.autoencoder_kl_wan import WanAttentionBlock, WanResidualBlock
from torch import Tensor
from torch.nn.functional import mse_loss

from training.clips import Clips
from training.files import read_config
from training.heads.motion import CAPTION_WORDS
from training.latents import LatentData
from training.precision import autocast
from training.text import build_tokenizer
from training.train import ConditionedModel, start_from
from training.train_vae import channels_last, fast_single_frames, psnr, reconstruction_loss, sample_batch, some_images

# Of the squared feed-forward activations: keeps the least squares from trusting directions that hardly occur.
RIDGE = 1e-4


def strongest(signal: Tensor, weight: Tensor, count: int) -> Tensor:
    """The channels of signal [B, C, ...] that the convolution `weight` [O, C, ...] hears most of, a constant one included. -> [count]"""
    heard = signal.transpose(0, 1).flatten(1).square().mean(1).sqrt() * weight.transpose(0, 1).flatten(1).norm(dim=1)
    # The channel that holds the norm steady says nothing itself.
    heard[signal.transpose(0, 1).flatten(1).abs().mean(1).argmax()] = torch.inf
    return heard.topk(count).indices.sort().values


def settings_of(model) -> dict:
    """What the model was made from, without what diffusers notes beside it, such as where it lay."""
    return {name: value for name, value in model.config.items() if not name.startswith("_")}


def inputs_of(module, run) -> dict:
    """What every convolution of module was given while run() was called, by name."""
    seen, hooks = {}, []
    for name, part in module.named_modules():
        if isinstance(part, (torch.nn.Conv2d, torch.nn.Conv3d)):
            hooks.append(part.register_forward_hook(lambda _, given, __, name=name: seen.__setitem__(name, given[0])))
    run()
    for hook in hooks:
        hook.remove()
    return seen


def narrow_half(half, small, seen: dict):
    """Fill `small`, an encoder or a decoder of one level, from `half`; seen: inputs_of(half)."""
    width = small.norm_out.gamma.shape[0]
    stream = strongest(seen["conv_out"], half.conv_out.weight, width)

    def copy_conv(target, source, rows=slice(None), columns=slice(None)):
        target.weight.copy_(source.weight[rows][:, columns])
        target.bias.copy_(source.bias[rows])

    def copy_norm(target, source, kept):
        # It divides by the length of the vector, which is shorter by the channels that went.
        target.gamma.copy_(source.gamma[kept] * (len(source.gamma) / len(kept)) ** 0.5)

    copy_conv(small.conv_in, half.conv_in, stream)
    copy_norm(small.norm_out, half.norm_out, stream)
    copy_conv(small.conv_out, half.conv_out, columns=stream)
    for (name, source), target in zip(half.named_modules(), small.modules()):
        if isinstance(source, WanResidualBlock):
            inner = strongest(seen[f"{name}.conv2"], source.conv2.weight, width)
            copy_norm(target.norm1, source.norm1, stream)
            copy_conv(target.conv1, source.conv1, inner, stream)
            copy_norm(target.norm2, source.norm2, inner)
            copy_conv(target.conv2, source.conv2, stream, inner)
        elif isinstance(source, WanAttentionBlock):
            threefold = torch.cat([stream + part * len(half.norm_out.gamma) for part in range(3)])
            copy_norm(target.norm, source.norm, stream)
            copy_conv(target.to_qkv, source.to_qkv, threefold, stream)
            copy_conv(target.proj, source.proj, stream, stream)


@torch.no_grad()
def narrowed_vae(wide: AutoencoderKLWan, config: dict, images: Tensor) -> AutoencoderKLWan:
    """A VAE of the config's widths with the strongest channels of `wide`. images [N, 3, H, W] in [-1, 1]"""
    small = AutoencoderKLWan(**settings_of(wide) | {name: config[name] for name in ("base_dim", "decoder_base_dim")})
    latents = {}
    seen = inputs_of(wide.encoder, lambda: latents.setdefault("z", wide.encode(images[:, :, None]).latent_dist.mode()))
    narrow_half(wide.encoder, small.encoder, seen)
    narrow_half(wide.decoder, small.decoder, inputs_of(wide.decoder, lambda: wide.decode(latents["z"])))
    small.quant_conv.load_state_dict(wide.quant_conv.state_dict())
    small.post_quant_conv.load_state_dict(wide.post_quant_conv.state_dict())
    return small


def distil(wide, small, clips: Clips, config, minutes: float, learning_rate=1e-3):
    """Train `small` for some minutes to encode as `wide` does, and to decode what that encodes."""
    settings, device = config["vae_training"], "cuda" if torch.cuda.is_available() else "cpu"
    for vae in (wide, small):
        fast_single_frames(channels_last(vae)).to(device)
    wide.eval().requires_grad_(False)
    small.train()
    scale = torch.tensor(wide.config.latents_std, device=device).view(1, -1, 1, 1, 1)
    optimizer = torch.optim.Adam(small.parameters(), lr=learning_rate, betas=(0.9, 0.98))
    started, step, shown = time.time(), 0, []
    while (progress := (time.time() - started) / (minutes * 60)) < 1:
        for group in optimizer.param_groups:
            group["lr"] = learning_rate * min((step + 1) / 50, 1.0 - 0.98 * progress)
        video, weights = sample_batch(clips, config, torch.Generator().manual_seed(config["seed"] + step))
        video = video.to(device, memory_format=torch.channels_last_3d)
        with autocast(device):
            with torch.no_grad():
                latents = wide.encode(video).latent_dist.mode()
            encoded = mse_loss(small.encode(video).latent_dist.mode() / scale, latents / scale)
            decoded = small.decode(latents).sample.float()
        loss = reconstruction_loss(decoded, video, weights.to(device), settings["gradient_weight"])
        optimizer.zero_grad(set_to_none=True)
        (loss + encoded).backward()
        torch.nn.utils.clip_grad_norm_(small.parameters(), 1.0)
        optimizer.step()
        step += 1
        shown.append((loss.item(), encoded.item(), psnr(decoded, video)))
        if step % 50 == 0:
            loss, encoded, value = torch.tensor(shown).mean(0).tolist()
            print(f"step {step} loss {loss:.4f} latents {encoded:.5f} psnr {value:.1f} {time.time() - started:.0f} s", flush=True)
            shown = []
    return small.eval()


@torch.no_grad()
def narrowed_feed_forward(first, second, given: Tensor, count: int):
    """New (first, second) linear layers with `count` neurons that say what (first, second) say of `given` [N, D], as nearly as they can."""
    activation = torch.nn.functional.gelu(first(given), approximate="tanh").double()
    mean = activation.mean(0)
    centred = activation - mean
    covariance = centred.T @ centred / len(given)
    covariance += RIDGE * covariance.diagonal().mean() * torch.eye(len(covariance))
    # One at a time, the neuron whose going loses least once the others have taken over what they can of it: 1 / inverse[i, i] is the
    # variance that only it has. The inverse without it follows from the one with it.
    said = second.weight.double().square().sum(0)
    kept, inverse = torch.arange(len(covariance)), torch.linalg.inv(covariance)
    while len(kept) > count:
        gone = (said[kept] / inverse.diagonal()).argmin()
        stay = torch.arange(len(kept)) != gone
        inverse = (inverse - inverse[:, gone, None] * inverse[None, gone] / inverse[gone, gone])[stay][:, stay]
        kept = kept[stay]
    # second(activation) from the kept neurons alone.
    wanted = covariance[kept] @ second.weight.double().T
    weight = torch.linalg.solve(covariance[kept][:, kept], wanted).T
    bias = second.bias.double() + second.weight.double() @ mean - weight @ mean[kept]
    new_first, new_second = torch.nn.Linear(first.in_features, count), torch.nn.Linear(count, second.out_features)
    new_first.weight.copy_(first.weight[kept])
    new_first.bias.copy_(first.bias[kept])
    new_second.weight.copy_(weight)
    new_second.bias.copy_(bias)
    return new_first, new_second


@torch.no_grad()
def narrowed_transformer(large: WanTransformer3DModel, ffn_dim: int, run) -> WanTransformer3DModel:
    """run(): some calls of `large`, whose feed-forward layers are then fitted to what they were given."""
    given: dict[int, list[Tensor]] = {index: [] for index in range(len(large.blocks))}
    hooks = [
        block.ffn.register_forward_hook(lambda _, inputs, __, index=index: given[index].append(inputs[0].flatten(0, -2)))
        for index, block in enumerate(large.blocks)
    ]
    run()
    for hook in hooks:
        hook.remove()
    small = WanTransformer3DModel(**settings_of(large) | {"ffn_dim": ffn_dim})
    kept = {name: value for name, value in large.state_dict().items() if ".ffn." not in name}
    small.load_state_dict(kept, strict=False)
    for index, block in enumerate(large.blocks):
        first, second = narrowed_feed_forward(block.ffn.net[0].proj, block.ffn.net[2], torch.cat(given[index]), ffn_dim)
        small.blocks[index].ffn.net[0].proj.load_state_dict(first.state_dict())
        small.blocks[index].ffn.net[2].load_state_dict(second.state_dict())
    return small


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config")
    parser.add_argument("large", type=Path)
    parser.add_argument("run", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--minutes", type=float, default=12)
    parser.add_argument("--batches", type=int, default=12, help="what the feed-forward layers are fitted to")
    arguments = parser.parse_args()
    config, out = read_config(arguments.config), arguments.out
    torch.manual_seed(config["seed"])
    shutil.copytree(arguments.large, out, dirs_exist_ok=True)

    sizes = json.loads((arguments.large / "transformer/config.json").read_text())
    large_config = config | {"transformer": {name: value for name, value in sizes.items() if not name.startswith("_")}}
    tokenizer = build_tokenizer(CAPTION_WORDS, config["text"]["max_length"])
    large = ConditionedModel(large_config, len(tokenizer)).eval()
    start_from(large, arguments.large)
    data = LatentData(config, arguments.run, tokenizer)

    def run():
        for step in range(arguments.batches):
            latents, references, sigma, noise, input_ids, attention_mask, _, frames = data.batch(step, 0.0)
            share = sigma.view(-1, 1, 1, 1, 1)
            large((1 - share) * latents + share * noise, references, sigma * 1000, input_ids, attention_mask, frames, data.num_frames)

    transformer = narrowed_transformer(large.transformer, config["transformer"]["ffn_dim"], run)
    transformer.half().save_pretrained(out / "transformer")

    wide, clips = AutoencoderKLWan.from_pretrained(arguments.large / "vae", torch_dtype=torch.float32), Clips(arguments.run)
    small = narrowed_vae(wide, config["vae"], some_images(clips, 64))
    distil(wide, small, clips, config, arguments.minutes)
    small.half().save_pretrained(out / "vae")
    print(f"{out}: {sum(path.stat().st_size for path in out.rglob('*') if path.is_file()) / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
