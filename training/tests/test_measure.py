"""The measuring network trains, and the figures say what they are named for: of true clips, of copies, of strangers."""

import json

import pytest
import torch
from safetensors.torch import save_file

from training.measure import metrics
from training.measure.cases import REFERENCE_YAWS, held_out_cases
from training.measure.evaluate import evaluate
from training.measure.network import ArcFace, FaceNetwork, load_network
from training.measure.people import TRAITS, render_people
from training.measure.score import Scorer
from training.measure.train import main as train
from training.measure.truth import truth_of


@pytest.fixture(scope="module")
def cases():
    return held_out_cases(4, 9, 64, 8)


@pytest.fixture(scope="module")
def people():
    return render_people(6, 48, seed=3)


@pytest.fixture(scope="module")
def network(tmp_path_factory, people):
    run = tmp_path_factory.mktemp("measure")
    (run / "people").mkdir()
    save_file(people, run / "people/00000.safetensors")
    settings = {
        "steps": 8, "batch_size": 8, "learning_rate": 1e-3, "warmup_steps": 1, "weight_decay": 0.0, "ema_decay": 0.9, "margin": 0.3,
        "scale": 16, "identity_weight": 1.0, "pose_weight": 1.0, "trait_weight": 1.0, "seed": 0,
    }  # fmt: skip
    config = {"network": {"widths": [8, 8, 8, 8], "blocks": [1, 1, 1, 1], "embedding": 16}, "training": settings}
    (run / "config.json").write_text(json.dumps(config))
    train([str(run / "config.json"), str(run)])
    return load_network(run / "network.safetensors")


def test_cases_are_the_same_however_many(cases):
    fewer = held_out_cases(2, 9, 64, 8)
    assert torch.equal(fewer.truth, cases.truth[:2]) and fewer.captions == cases.captions[:2]
    assert cases.truth.shape == (4, 9, 3, 64, 64) and cases.references.shape == (4, len(REFERENCE_YAWS), 3, 64, 64)
    # Every other person goes the other way.
    assert torch.allclose(cases.poses[0, :, 0], -cases.poses[1, :, 0]) and cases.poses[0, -1, 0] > 85


def test_a_trait_is_counted_where_it_is_and_only_there(people):
    pixels, yaw = people["trait_pixels"], people["poses"][..., 0]
    assert pixels.shape == (6, 8, len(TRAITS)) and pixels.max() > 10
    shown = pixels > 10
    assert shown.any() and not shown.all()
    # A side that is turned away is not in view: nobody shows a trait at every angle of both profiles.
    far = yaw.abs() > 70
    assert (pixels[far] == 0).any()


def test_the_network_answers_in_its_units(network, people):
    result = evaluate(network, people["images"].repeat(11, 1, 1, 1, 1)[:64], people["poses"].repeat(11, 1, 1)[:64],
                      people["trait_pixels"].repeat(11, 1, 1)[:64])  # fmt: skip
    assert set(result["mean_absolute_error_degrees"]) == {"0-30", "30-60", "60-90"}
    who, pose, traits = network(torch.zeros(2, 3, 128, 128))
    assert torch.allclose(who.norm(dim=1), torch.ones(2)) and pose.shape == (2, 3) and traits.shape == (2, len(TRAITS))


def test_the_margin_makes_the_own_class_harder():
    torch.manual_seed(0)
    who = torch.nn.functional.normalize(torch.randn(5, 16), dim=1)
    labels = torch.arange(5)
    without, with_margin = ArcFace(5, 16, 0.0, 16), ArcFace(5, 16, 0.3, 16)
    with_margin.load_state_dict(without.state_dict())
    cosine = who @ torch.nn.functional.normalize(without.weight, dim=1).T
    plain = torch.nn.functional.cross_entropy(cosine * 16, labels)
    torch.testing.assert_close(without(who, labels), plain, rtol=1e-4, atol=1e-4)
    assert with_margin(who, labels) > plain


def test_true_clips_score_as_truth(network, cases):
    truth = truth_of(cases)
    scorer = Scorer(network, cases, truth, fps=8)
    true = scorer.score(cases.truth, 3)
    # Who it is, is told by the same head in another scene, to which the clip's own background is no help.
    elsewhere = scorer.score(truth.elsewhere, 3)["summary"]
    assert elsewhere["similarity_to_truth"]["all"] == pytest.approx(1, abs=1e-3) and elsewhere["pixel_error_db"]["all"] < 30
    assert true["summary"]["similarity_to_truth"]["all"] < 0.9999
    assert true["summary"]["kernel_distance_frames"] <= 1e-3
    strangers = scorer.score(cases.truth.roll(1, 0), 3)
    assert strangers["summary"]["pixel_error_db"]["all"] < 30 < true["summary"]["pixel_error_db"]["all"]
    assert len(true["rows"]) == 4 and len(true["rows"][0]["yaw"]) == 9
    json.dumps(true)


def test_a_frozen_reference_is_a_copy(cases):
    copies = cases.references[:, :1].expand(-1, 9, -1, -1, -1)
    moved = copies.roll((2, -2), (3, 4))
    true, copied = (metrics.closeness_to_reference(frames, cases.references[:, :1]) for frames in (cases.truth, moved))
    assert copied.min() > 0.95
    away = metrics.away_from(cases.poses[..., 0], cases.reference_poses[:, :1, 0])
    assert away.any() and true[away].mean() < 0.8


def test_a_head_that_stays_at_a_reference_is_pulled():
    asked = torch.tensor([[0.0, 30.0, 60.0, 90.0]])
    references = torch.tensor([[0.0]])
    pull = metrics.pull_to_references(torch.zeros(1, 4), asked, references)
    assert pull.tolist() == [[0.0, 30.0, 60.0, 90.0]]
    assert metrics.pull_to_references(asked, asked, references).abs().max() == 0


def test_motion_figures():
    steady = torch.linspace(0, 90, 10)[None]
    assert metrics.jerk(steady, 8).item() == pytest.approx(0, abs=1e-2)
    jumpy = steady.clone()
    jumpy[0, 5:] += 40
    assert metrics.jerk(jumpy, 8) > 1000 and metrics.jumps(jumpy, steady).item() == pytest.approx(1 / 9)
    still = torch.zeros(1, 5, 3, 4, 4, dtype=torch.uint8)
    blink = still.clone()
    blink[:, 2] = 255
    assert metrics.flicker(still) == 0 and metrics.flicker(blink) > 100


def test_the_right_person_is_found_at_the_asked_angle():
    gallery = torch.eye(3)[:, None].expand(3, 2, 3)
    yaw = torch.tensor([[0.0, 90.0]]).expand(3, 2)
    hits = metrics.top1(gallery[[0, 1, 1]], gallery, torch.tensor([0.0, 90.0]), yaw)
    assert hits.tolist() == [[True, True], [True, True], [False, False]]
