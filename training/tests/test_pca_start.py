import torch
from diffusers import AutoencoderKLWan

from training.pca_start import principal_components, start_from_pca
from training.train_vae import fast_single_frames

TINY = dict(
    base_dim=16, z_dim=6, dim_mult=[1], num_res_blocks=1, attn_scales=[], temperal_downsample=[], is_residual=False,
    in_channels=12, out_channels=12, patch_size=2, scale_factor_temporal=1, scale_factor_spatial=2,
    latents_mean=[0.0] * 6, latents_std=[1.0] * 6,
)  # fmt: skip


def images(n=64, size=8):
    """Smooth random images: a few components hold most of them."""
    coarse = torch.randn(n, 3, 3, 3, generator=torch.Generator().manual_seed(0))
    return torch.nn.functional.interpolate(coarse, size=size, mode="bilinear").clamp(-1, 1)


@torch.no_grad()
def test_the_vae_starts_as_the_linear_code():
    data = images()
    torch.manual_seed(0)
    vae = start_from_pca(AutoencoderKLWan(**TINY), data).eval()
    decoded = vae.decode(vae.encode(data[:, :, None]).latent_dist.mode()).sample[:, :, 0]
    patches = torch.nn.functional.unfold(data, 2, stride=2).transpose(1, 2).flatten(0, 1)
    mean, directions, _ = principal_components(patches, 6)
    linear = mean + (patches - mean) @ directions.T @ directions
    expected = torch.nn.functional.fold(linear.view(len(data), -1, 12).transpose(1, 2), 8, 2, stride=2).clamp(-1, 1)
    assert (decoded - expected).abs().max() < 0.02


@torch.no_grad()
def test_frames_start_independent_of_each_other():
    data = images()
    vae = start_from_pca(AutoencoderKLWan(**TINY), data).eval()
    for module in vae.modules():  # as after some training on single images
        if hasattr(module, "conv2"):
            torch.nn.init.normal_(module.conv2.weight[:, :, -1], std=0.05)
    clip = data[:5].transpose(0, 1)[None]
    whole = vae.encode(clip).latent_dist.mode()
    alone = torch.cat([vae.encode(clip[:, :, i : i + 1]).latent_dist.mode() for i in range(5)], dim=2)
    torch.testing.assert_close(whole, alone, rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_single_frames_through_2d_convolutions_give_the_same():
    torch.manual_seed(0)
    vae = AutoencoderKLWan(**TINY).eval()
    image = images(2)[:, :, None]
    slow = vae.encode(image).latent_dist.mode()
    fast = fast_single_frames(vae).encode(image).latent_dist.mode()
    torch.testing.assert_close(fast, slow, rtol=1e-4, atol=1e-5)
