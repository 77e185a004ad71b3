"""Measure generated clips of the held-out cases against their truth.

    python -m training.measure.score RUN/network.safetensors generated.safetensors out.json

generated.safetensors: frames uint8 [N, F, 3, S, S] of the first N cases, with {"size", "fps", "num_references"} as JSON under
"settings" in its metadata (training/measure/generate.py writes it). out.json: `rows`, one a case, with a value a frame; `summary`,
by the yaw that was asked for; and the same `summary` of the true clips, which is what a perfect method would get.
"""

import argparse
import json
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor

from training.files import write_json_atomically
from training.measure import metrics
from training.measure.cases import Cases, held_out_cases
from training.measure.evaluate import bin_masks, look
from training.measure.network import at_size, load_network
from training.measure.people import TRAITS
from training.measure.statistics import contributions
from training.measure.truth import GALLERY_YAWS, Truth, at_poses, truth_of

def plain_pixels(size: int) -> float:
    """From here on a trait is plain to see: 10 pixels of a picture of 128, and that share of any other."""
    return 10 * (size / 128) ** 2


class Scorer:
    """Holds what does not depend on the method: the cases, their truth, and how the network sees both."""

    def __init__(self, network, cases: Cases, truth: Truth, fps: float):
        self.network, self.cases, self.truth, self.fps = network, cases, truth, fps
        self.true_who = look(network, truth.elsewhere)[0]
        self.reference_who = look(network, cases.references)[0]
        self.gallery = look(network, truth.gallery)[0]
        self.gallery_yaws = torch.tensor(GALLERY_YAWS, dtype=torch.float)

    def score(self, frames: Tensor, num_references: int, at_own_pose: bool = True) -> dict:
        """frames uint8 [N, F, 3, S, S] -> {"rows": [...], "summary": {...}}; every value is a plain number.

        at_own_pose: also against the true person as the frame turned out to be posed, which takes a rendering a frame.
        """
        cases, truth = self.cases, self.truth
        who, pose, traits = look(self.network, frames)
        asked = cases.poses[..., 0]
        given = cases.reference_poses[:, :num_references, 0]
        mean, largest = metrics.similarity_to_references(who, self.reference_who[:, :num_references])
        pixels = truth.frame_traits
        plenty = plain_pixels(cases.truth.shape[-1])
        known = (truth.reference_traits[:, :num_references] >= plenty).any(1)[:, None]
        values = {
            "yaw": pose[..., 0],
            "similarity_to_references": mean,
            "largest_similarity_to_references": largest,
            "similarity_to_truth": (who * self.true_who).sum(-1),
            **({"similarity_to_truth_at_own_pose": (who * look(self.network, at_poses(cases, pose))[0]).sum(-1)} if at_own_pose else {}),
            "top1": metrics.top1(who, self.gallery, self.gallery_yaws, asked).float(),
            "top1_by_references": metrics.top1(who, self.reference_who, cases.reference_poses[0, :, 0], asked).float(),
            "closeness_to_reference": metrics.closeness_to_reference(frames, cases.references[:, :num_references]),
            "pull_to_references": metrics.pull_to_references(pose[..., 0], asked, given),
            "yaw_error": (pose[..., 0] - asked).abs(),
            "pixel_error_db": psnr(frames, cases.truth) if frames.shape == cases.truth.shape else asked * float("nan"),
        }
        said = traits > 0.5
        masks = {
            "trait_recall": (said, (pixels >= plenty) & known),
            "unknown_trait_recall": (said, (pixels >= plenty) & ~known),
            "trait_false_alarms": (said, pixels == 0),
        }
        clips = {
            "yaw_jerk": metrics.jerk(pose[..., 0], self.fps),
            "yaw_jumps": metrics.jumps(pose[..., 0], asked),
            "flicker": metrics.flicker(frames),
            "yaw_correlation": correlation_of(pose[..., 0], asked),
        }
        away = metrics.away_from(asked, given)
        rows = [
            {
                "asked_yaw": plain(asked[i]),
                **{name: plain(value[i]) for name, value in values.items()},
                **{name: round(value[i].item(), 4) for name, value in clips.items()},
                "away_from_references": away[i].int().tolist(),
                **{name: [[int(hit[i, :, t][use[i, :, t]].sum()), int(use[i, :, t].sum())] for t in range(len(TRAITS))]
                   for name, (hit, use) in masks.items()},
            }
            for i in range(len(frames))
        ]  # fmt: skip
        quality = {
            f"kernel_distance_{name}": metrics.kernel_distance(
                made / true.std(), true / true.std(), torch.arange(len(frames)).repeat_interleave(len(true) // len(frames))
            )
            for name, (made, true) in {
                "frames": (self.features(frames), self.features(cases.truth)),
                "clips": (self.clip_features(frames), self.clip_features(cases.truth)),
            }.items()
        }
        return {"rows": rows, "summary": summarise(rows) | {name: round(v, 4) for name, v in quality.items()}}

    @torch.no_grad()
    def features(self, frames: Tensor) -> Tensor:
        """What the network sees before it decides, [frames, channels]: every fourth frame, averaged over the picture."""
        flat = frames[:, ::4].flatten(0, 1)
        parts = [self.network.features(at_network_size(part)) for part in flat.split(256)]
        return torch.cat(parts).float().mean((2, 3))

    def clip_features(self, frames: Tensor) -> Tensor:
        """As of frames, of a whole clip in order and of its changes: [clips, ...]."""
        features = self.features(frames).unflatten(0, (len(frames), -1))
        return torch.cat([features, features.diff(dim=1)], 1).flatten(1)


def at_network_size(images: Tensor) -> Tensor:
    return at_size(images.float() / 127.5 - 1).to(memory_format=torch.channels_last)


def psnr(frames: Tensor, truth: Tensor) -> Tensor:
    """Of each frame against the true one, dB. uint8 [N, F, 3, S, S] -> [N, F]"""
    error = (frames.float() - truth.float()).square().mean((2, 3, 4)).clamp_min(1e-3)
    return 10 * (255**2 / error).log10()


def correlation_of(a: Tensor, b: Tensor) -> Tensor:
    """Of two paths, [N, F] each -> [N]"""
    a, b = a - a.mean(1, keepdim=True), b - b.mean(1, keepdim=True)
    return (a * b).sum(1) / (a.square().sum(1) * b.square().sum(1)).sqrt().clamp_min(1e-6)


def plain(values: Tensor) -> list[float]:
    return [round(value, 4) for value in values.tolist()]


BY_YAW = (
    "similarity_to_references", "largest_similarity_to_references", "similarity_to_truth", "similarity_to_truth_at_own_pose",
    "top1", "top1_by_references", "yaw_error", "pull_to_references", "pixel_error_db",
)  # fmt: skip
OF_CLIPS = ("yaw_jerk", "yaw_jumps", "flicker", "yaw_correlation")
OF_TRAITS = ("trait_recall", "unknown_trait_recall", "trait_false_alarms")


def summarise(rows: list[dict]) -> dict:
    """Means over all frames and by the yaw that was asked for. A statistic of rows alone, so that it can be bootstrapped."""
    asked = torch.tensor([row["asked_yaw"] for row in rows])
    masks = {"all": torch.ones_like(asked, dtype=torch.bool)} | bin_masks(asked)
    summary: dict = {}
    for name in (name for name in BY_YAW if name in rows[0]):
        values = torch.tensor([row[name] for row in rows])
        summary[name] = {where: mean_of(values[mask]) for where, mask in masks.items()}
    away = torch.tensor([row["away_from_references"] for row in rows]).bool()
    summary["closeness_away_from_references"] = mean_of(torch.tensor([row["closeness_to_reference"] for row in rows])[away])
    summary["pull_away_from_references"] = mean_of(torch.tensor([row["pull_to_references"] for row in rows])[away])
    for name in OF_CLIPS:
        summary[name] = mean_of(torch.tensor([row[name] for row in rows]))
    for name in OF_TRAITS:
        counts = torch.tensor([row[name] for row in rows]).sum(0)
        each = {trait: ratio(*count.tolist()) for trait, count in zip(TRAITS, counts)}
        summary[name] = {"all": ratio(*counts.sum(0).tolist())} | each
    return summary


def mean_of(values: Tensor) -> float | None:
    return round(values.float().mean().item(), 4) if values.numel() else None


def ratio(hits: int, of: int) -> float | None:
    return round(hits / of, 4) if of else None


def read_generated(path):
    """-> frames uint8 [N, F, 3, S, S], settings"""
    return load_file(path)["frames"], json.loads(safe_open(path, "pt").metadata()["settings"])


def write_result(out: Path, about: dict, scored: dict):
    """What training.ablation.results reads: `about` (variant, seed), the summary, and every person's share in it."""
    out.parent.mkdir(parents=True, exist_ok=True)
    people = [contributions(row) for row in scored["rows"]]
    write_json_atomically(about | {"summary": scored["summary"], "people": people}, out)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("network")
    parser.add_argument("generated")
    parser.add_argument("out")
    parser.add_argument("--results", type=Path, help="a folder for what tables need: every person's share in every figure, of NAME and of the true clips")
    parser.add_argument("--no-own-pose", action="store_true", help="leave out the figure that takes a rendering a frame")
    parser.add_argument("--name", default="shipped", help="of the method, in the results")
    arguments = parser.parse_args()
    torch.set_grad_enabled(False)
    frames, settings = read_generated(arguments.generated)
    size, fps = settings["size"], settings["fps"]
    cases = held_out_cases(len(frames), frames.shape[1], size, fps)
    kept = Path(arguments.generated).parent / f"truth-{len(frames)}x{frames.shape[1]}x{size}.safetensors"
    scorer = Scorer(load_network(arguments.network), cases, truth_of(cases, kept), fps)
    result = scorer.score(frames, settings["num_references"], not arguments.no_own_pose)
    true = scorer.score(cases.truth, settings["num_references"], at_own_pose=False)
    document = {"settings": settings, "summary": result["summary"], "summary_of_true_clips": true["summary"], "rows": result["rows"]}
    Path(arguments.out).write_text(json.dumps(document) + "\n")
    if arguments.results:
        for name, scored in ((arguments.name, result), ("true", true)):
            about = {"variant": name, "seed": settings["seed"], "evaluation": settings}
            write_result(arguments.results / f"{name}-{settings['seed']}-{settings['num_references']}.json", about, scored)
    print(json.dumps({"generated": result["summary"], "true": true["summary"]}, indent=2))


if __name__ == "__main__":
    main()
