"""Procedural heads: seeds, batches, mirror symmetry, one-sided traits, captions."""

from dataclasses import fields, replace

import pytest
import torch

from training.heads import (
    CAPTION_WORDS, describe, fixed_pose, mirrored, sample_clips, sample_identities, studio_scenes, symmetric,
)
from training.heads.identity import HAIR_STYLES
from training.heads.motion import Motions
from training.heads.render import render, rotation

SIZE = 48


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def one_head(seed=0, style="short"):
    """A head with no one-sided trait, ears uncovered."""
    head = symmetric(sample_identities(1, generator(seed)))
    return replace(head, hair_style=torch.tensor([HAIR_STYLES.index(style)]), glasses=torch.zeros(1, dtype=torch.long))


def test_same_seed_gives_the_same_clips():
    one, two, other = (sample_clips(3, 5, generator(seed)) for seed in (7, 7, 8))
    for a, b in zip(one[:3], two[:3]):
        for field in fields(a):
            assert torch.equal(getattr(a, field.name), getattr(b, field.name)), field.name
    assert one[3] == two[3] and one[3] != other[3]
    assert torch.equal(render(*one[:3], size=SIZE), render(*two[:3], size=SIZE))


def test_images_are_in_range_and_white_backgrounds_are_pure():
    identities, motions, scenes, _ = sample_clips(4, 3, generator())
    clip = render(identities, motions, scenes, size=SIZE)
    assert clip.shape == (4, 3, 3, SIZE, SIZE)
    assert clip.isfinite().all() and clip.min() >= 0 and clip.max() <= 1
    cut_out = render(identities, motions, scenes, size=SIZE, background="white")
    assert (cut_out[..., :, 0, 0] == 1).all()
    assert cut_out[..., SIZE // 2, SIZE // 2].mean() < 0.95
    with pytest.raises(ValueError, match="background"):
        render(identities, motions, scenes, size=SIZE, background="black")


def test_a_clip_in_a_batch_is_the_clip_alone():
    identities, motions, scenes, _ = sample_clips(4, 3, generator(3))
    together = render(identities, motions, scenes, size=SIZE)
    for i in range(4):
        alone = render(identities[i], motions[i], scenes[i], size=SIZE)[0]
        difference = (together[i] - alone).abs()
        assert difference.mean() < 2e-4, i


@pytest.mark.parametrize("style", ["short", "pigtails", "long", "afro"])
def test_a_symmetric_head_in_front_is_its_own_mirror_image(style):
    image = render(one_head(1, style), fixed_pose(0), studio_scenes(1), size=SIZE)
    assert (image - image.flip(-1)).abs().mean() < 1e-3


def test_the_mirrored_head_turned_the_other_way_is_the_mirror_image():
    heads = sample_identities(6, generator(4))
    turns = torch.tensor([-90.0, -40.0, 0.0, 20.0, 60.0, 90.0])
    scenes = studio_scenes(6)
    image = render(heads, fixed_pose(turns, gaze_x=0.4, roll=5.0), scenes, size=SIZE)
    other = render(mirrored(heads), fixed_pose(-turns, gaze_x=-0.4, roll=-5.0), scenes, size=SIZE)
    assert (image - other.flip(-1)).abs().mean() < 2e-3
    assert (image - image.flip(-1)).abs().mean() > 1e-2


@pytest.mark.parametrize("trait", ["mole_side", "earring_side", "scar_side", "streak_side", "paint_side"])
@pytest.mark.parametrize("side", [1.0, -1.0])
def test_a_one_sided_trait_shows_from_its_own_side_only(trait, side):
    plain = replace(one_head(2), paint_color=torch.tensor([[0.1, 0.3, 0.9]]), streak_color=torch.tensor([[0.9, 0.9, 0.1]]))
    marked = replace(plain, **{trait: torch.tensor([side])})
    # Turned to their right (yaw < 0), a person shows their left side.
    seen, hidden = (
        (render(marked, fixed_pose(yaw), size=SIZE) - render(plain, fixed_pose(yaw), size=SIZE)).abs().max()
        for yaw in (-75.0 * side, 90.0 * side)
    )
    assert seen > 0.1
    assert hidden < 0.02


def test_left_is_to_the_right_of_the_image_and_positive_angles_turn_there_and_up():
    plain = replace(one_head(5, "bald"), mole_x=torch.tensor([0.3]), mole_y=torch.tensor([-0.3]))
    marked = replace(plain, mole_side=torch.ones(1))

    def place(yaw, pitch):
        pose = fixed_pose(yaw, pitch)
        change = (render(marked, pose, size=SIZE) - render(plain, pose, size=SIZE)).abs()[0, 0].mean(0)
        weights = torch.arange(SIZE, dtype=torch.float)
        return float(change.sum(0) @ weights / change.sum()), float(change.sum(1) @ weights / change.sum())

    column, row = place(0, 0)
    assert column > SIZE / 2
    assert place(25, 0)[0] > column + 1 and place(-25, 0)[0] < column - 1
    assert place(0, 20)[1] < row - 1
    upward = rotation(*(torch.tensor(v) for v in (0.0, 0.0, 20.0))) @ torch.tensor([0.0, 1.0, 0.0])
    assert upward[0] > 0  # positive roll leans the top of the head to the image's right


def test_captions_use_the_closed_vocabulary_and_state_the_turn():
    _, motions, _, captions = sample_clips(400, 17, generator(6))
    for i, caption in enumerate(captions):
        words = caption.replace(",", "").split()
        assert set(words) <= CAPTION_WORDS, caption
        assert len(words) <= 24, caption
        if "from the left profile" in caption:
            assert motions.yaw[i, 0] > 80 and motions.yaw[i, -1] < -80
        if "turns to full right profile," in caption or "turns to full right profile and looks" in caption:
            assert motions.yaw[i, -1] < -80 and abs(motions.yaw[i, 0]) < 10
    assert (motions.yaw.abs().amax(1) > 55).float().mean() > 0.6
    assert motions.pitch.abs().max() <= 45
    used = set(" ".join(captions).replace(",", "").split())
    assert len(CAPTION_WORDS - used) <= 2, CAPTION_WORDS - used


def test_motions_are_smooth_and_of_any_length():
    for frames in (1, 5, 33):
        _, motions, _, _ = sample_clips(3, frames, generator(9))
        assert all(value.shape == (3, frames) for value in vars(motions).values())
    assert isinstance(motions, Motions)
    assert motions.yaw.diff().abs().max() < 60


def test_describe_names_sides():
    heads = sample_identities(50, generator(10))
    for i in range(len(heads)):
        traits = describe(heads, i)
        expected = {1.0: "left", -1.0: "right", 0.0: "none"}[float(heads.mole_side[i])]
        assert traits["mole"] == expected
        assert traits["hair_style"] in HAIR_STYLES
