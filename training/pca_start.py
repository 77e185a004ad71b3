"""Start a one-level VAE as an exact principal component analysis of image patches.

A VAE learns to reproduce colours and edges only after tens of thousands of images. One without down- and upsampling
blocks (``dim_mult`` of length 1: the patch does all the compression) can begin where a linear code already is: its first
convolution projects every patch on the leading components, its last one puts them together again, and the residual
blocks in between add nothing until they have learnt something. What keeps this from being linear by itself is the
RMS norm and the SiLU before each output convolution:

- every component is carried as a pair (a, -a), because silu(a) - silu(-a) = a;
- one channel holds a large constant, so that the norm divides by almost the same number everywhere.
"""

import torch
from diffusers.models.autoencoders.autoencoder_kl_wan import (
    WanAttentionBlock,
    WanCausalConv3d,
    WanResidualBlock,
    patchify,
)

CONSTANT = 60.0


def principal_components(patches: torch.Tensor, count: int):
    """patches [N, D] -> mean [D], directions [count, D], standard deviations [count], largest first."""
    mean = patches.mean(0)
    centred = patches - mean
    variances, directions = torch.linalg.eigh(centred.T @ centred / len(patches))
    return mean, directions.flip(1)[:, :count].T, variances.flip(0)[:count].sqrt()


def center(conv):
    """The weights that see the current frame's own patch: last in time, middle in space. [out, in]"""
    return conv.weight[:, :, -1, 1, 1]


@torch.no_grad()
def start_from_pca(vae, images: torch.Tensor):
    """images [N, 3, H, W] in [-1, 1]; returns vae. Channel i of the latents is component i.

    The latents are scaled so that a component's deviation is the square root of its share: between whitening, which
    lets a diffusion model spend itself on faint details, and none, which drowns them in noise.
    """
    z_dim, patch_size = vae.config.z_dim, vae.config.patch_size
    patches = patchify(images[:, :, None], patch_size).movedim(1, -1).flatten(0, -2)
    mean, directions, deviations = principal_components(patches, z_dim)
    scale = deviations.sqrt() / deviations.mean().sqrt()
    encode, decode = directions * (scale / deviations)[:, None], directions.T * (deviations / scale)
    encoder, decoder = vae.encoder, vae.decoder
    for module in vae.modules():
        if isinstance(module, WanResidualBlock):
            module.conv2.weight.zero_()
            module.conv2.bias.zero_()
        if isinstance(module, WanCausalConv3d):
            module.weight[:, :, :-1].zero_()  # frames start independent of each other
        if isinstance(module, WanAttentionBlock):
            module.proj.weight.zero_()
            module.proj.bias.zero_()
    for conv in (encoder.conv_in, encoder.conv_out, decoder.conv_in, decoder.conv_out, vae.quant_conv, vae.post_quant_conv):
        conv.weight.zero_()
        conv.bias.zero_()

    def carry_pairs(conv, projection, bias):
        center(conv)[:z_dim], center(conv)[z_dim : 2 * z_dim] = projection, -projection
        conv.bias[:z_dim], conv.bias[z_dim : 2 * z_dim] = bias, -bias
        conv.bias[2 * z_dim] = CONSTANT

    for norm in (encoder.norm_out, decoder.norm_out):
        norm.gamma.fill_(CONSTANT / len(norm.gamma) ** 0.5)
    identity = torch.eye(z_dim)
    carry_pairs(encoder.conv_in, encode, -encode @ mean)
    center(encoder.conv_out)[:z_dim, : 2 * z_dim] = torch.cat([identity, -identity], dim=1)
    vae.quant_conv.weight[:z_dim, :z_dim, 0, 0, 0] = identity
    vae.quant_conv.bias[z_dim:] = -7.0
    vae.post_quant_conv.weight[:, :, 0, 0, 0] = identity
    carry_pairs(decoder.conv_in, identity, torch.zeros(z_dim))
    center(decoder.conv_out)[:, : 2 * z_dim] = torch.cat([decode, -decode], dim=1)
    decoder.conv_out.bias.copy_(mean)
    return vae
