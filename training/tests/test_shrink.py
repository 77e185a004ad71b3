"""What goes is what says least: nothing is lost where nothing need be."""

import pytest
import torch
from diffusers import AutoencoderKLWan, WanTransformer3DModel
from torch import nn

from training.shrink import narrowed_feed_forward, narrowed_transformer, narrowed_vae

VAE = {
    "base_dim": 16, "decoder_base_dim": 16, "z_dim": 4, "dim_mult": [1], "num_res_blocks": 1, "attn_scales": [], "temperal_downsample": [],
    "in_channels": 12, "out_channels": 12, "patch_size": 2, "scale_factor_temporal": 1, "scale_factor_spatial": 2,
    "latents_mean": [0.0] * 4, "latents_std": [1.0] * 4,
}  # fmt: skip
TRANSFORMER = {
    "patch_size": (1, 2, 2), "num_attention_heads": 2, "attention_head_dim": 12, "in_channels": 4, "out_channels": 4, "text_dim": 16,
    "freq_dim": 32, "ffn_dim": 40, "num_layers": 2, "rope_max_seq_len": 32,
}  # fmt: skip


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def layers(width: int, neurons: int):
    return nn.Linear(width, neurons), nn.Linear(neurons, width)


def said(first, second, x):
    return second(nn.functional.gelu(first(x), approximate="tanh"))


@torch.no_grad()
def test_neurons_that_repeat_others_go_without_a_trace():
    (first, second), x = layers(6, 20), torch.randn(500, 6)
    first.weight[10:], first.bias[10:] = first.weight[:10], first.bias[:10]
    narrow = narrowed_feed_forward(first, second, x, 10)
    assert narrow[0].weight.shape == (10, 6)
    torch.testing.assert_close(said(*narrow, x), said(first, second, x), rtol=0, atol=2e-3)


@torch.no_grad()
def test_the_neurons_that_stay_take_over_what_the_others_said():
    (first, second), x = layers(6, 40), torch.randn(2000, 6)
    narrow = narrowed_feed_forward(first, second, x, 30)
    wanted, error = said(first, second, x), said(*narrow, x) - said(first, second, x)
    assert error.square().mean() < 0.01 * wanted.var()
    fresh = torch.randn(2000, 6)
    error = said(*narrow, fresh) - said(first, second, fresh)
    assert error.square().mean() < 0.02 * wanted.var()


@torch.no_grad()
def test_a_transformer_keeps_everything_but_the_neurons():
    large = WanTransformer3DModel(**TRANSFORMER).eval()
    inputs = (torch.randn(8, 4, 2, 4, 4), torch.rand(8) * 1000, torch.randn(8, 5, 16))
    small = narrowed_transformer(large, 36, lambda: large(*inputs)).eval()
    assert small.config.ffn_dim == 36
    wanted, found = large(*inputs).sample, small(*inputs).sample
    assert (found - wanted).square().mean() < 0.01 * wanted.var()
    for name, value in small.state_dict().items():
        if ".ffn." not in name:
            assert torch.equal(value, large.state_dict()[name]), name


@torch.no_grad()
def test_a_vae_of_the_same_widths_is_the_same_vae():
    wide, images = AutoencoderKLWan(**VAE).eval(), torch.randn(4, 3, 16, 16)
    same = narrowed_vae(wide, VAE, images).eval()
    video = torch.randn(2, 3, 1, 16, 16)
    torch.testing.assert_close(same(video).sample, wide(video).sample, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_a_narrow_vae_keeps_the_latents_shape_and_the_strongest_channels():
    wide, images = AutoencoderKLWan(**VAE).eval(), torch.randn(4, 3, 16, 16)
    # Twelve channels of the encoder are silent: without them it says the same.
    silent = torch.arange(12)
    for conv in (wide.encoder.conv_in, *(block.conv2 for block in (wide.encoder.down_blocks[0], *wide.encoder.mid_block.resnets))):
        conv.weight[silent] = 0
        conv.bias[silent] = 0
    wide.encoder.mid_block.attentions[0].proj.weight[silent] = 0
    wide.encoder.mid_block.attentions[0].proj.bias[silent] = 0
    small = narrowed_vae(wide, VAE | {"base_dim": 8}, images).eval()
    assert small.encoder.conv_in.weight.shape[0] == 8 and small.decoder.conv_in.weight.shape[0] == 16
    heard = set(small.encoder.conv_in.bias.tolist())
    assert set(wide.encoder.conv_in.bias[12:].tolist()) <= heard
    video = torch.randn(2, 3, 1, 16, 16)
    assert small.encode(video).latent_dist.mode().shape == wide.encode(video).latent_dist.mode().shape
