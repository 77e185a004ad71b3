import pytest
import torch
from diffusers import WanTransformer3DModel

from training.reference_conditioning import condition, predict_velocity, region_mask, rope_positions

TINY = dict(
    patch_size=(1, 2, 2), num_attention_heads=2, attention_head_dim=12, in_channels=4, out_channels=4, text_dim=8,
    freq_dim=16, ffn_dim=32, num_layers=2, rope_max_seq_len=32,
)  # fmt: skip


def make(scheme="vanilla", offset=1):
    torch.manual_seed(0)
    return condition(WanTransformer3DModel(**TINY), scheme, offset).eval()


def inputs(n=2):
    torch.manual_seed(1)
    return torch.randn(1, 4, 3, 8, 8), torch.randn(1, 4, n, 8, 8), torch.tensor([500.0]), torch.randn(1, 5, 8)


def test_rd_rope_shares_the_time_and_shifts_along_the_diagonal():
    positions = rope_positions("rd-rope", 4, 3, 2, 2, 2).view(5, 4, 3)
    assert positions[:3, :, 0].tolist() == [[0] * 4, [1] * 4, [2] * 4]
    assert positions[3].tolist() == [[6, 2, 2], [6, 2, 3], [6, 3, 2], [6, 3, 3]]
    assert positions[4].tolist() == [[6, 4, 4], [6, 4, 5], [6, 5, 4], [6, 5, 5]]


def test_vanilla_equals_plain_wan_on_a_longer_clip():
    latents, references, timestep, text = inputs()
    plain = WanTransformer3DModel(**TINY).eval()
    model = make("vanilla")
    plain.load_state_dict(model.state_dict())
    with torch.no_grad():
        expected = plain(torch.cat([latents, references], 2), timestep, text, return_dict=False)[0][:, :, :3]
        actual = predict_velocity(model, latents, references, timestep, text, "same")
    torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-5)


def test_rd_rope_makes_views_distinguishable_and_tass_does_not():
    latents, references, timestep, text = inputs()
    swapped = references.flip(2)
    with torch.no_grad():
        for scheme, differs in (("rd-rope", True), ("tass", False)):
            model = make(scheme)
            a = predict_velocity(model, latents, references, timestep, text, "zero")
            b = predict_velocity(model, latents, swapped, timestep, text, "zero")
            assert torch.allclose(a, b, atol=1e-5) != differs


def test_the_reference_timestep_matters():
    latents, references, timestep, text = inputs()
    model = make("rd-rope")
    with torch.no_grad():
        same, zero = (predict_velocity(model, latents, references, timestep, text, p) for p in ("same", "zero"))
    assert (same - zero).abs().max() > 1e-4


def test_region_mask_covers_the_ratio_in_square_patches_independently():
    masks = region_mask(4, 180, 312, 0.6, 18, torch.Generator().manual_seed(0))
    assert masks.shape == (4, 1, 180, 312)
    assert masks.unique().tolist() == [0.0, 1.0]
    assert abs((masks == 0).float().mean().item() - 0.6) < 0.02
    patches = masks.unfold(2, 10, 10)[..., :, :, :].unfold(3, 10, 10)
    assert ((patches.mean((-1, -2)) == 0) | (patches.mean((-1, -2)) == 1)).all()
    assert not torch.equal(masks[0], masks[1])


def test_unknown_scheme_is_refused_by_name():
    with pytest.raises(ValueError, match="scheme must be one of rd-rope, vanilla, tass, got diagonal"):
        rope_positions("diagonal", 1, 1, 1, 1, 1)
