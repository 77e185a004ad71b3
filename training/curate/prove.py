"""The curation judged against a truth: drawn heads before noise backgrounds, in films whose every pose, cut and matte is known.

    python -m training.curate.prove FOLDER [--films 12] [--config curate.json]

Renders FOLDER/films, curates them into FOLDER/out and writes FOLDER/proof.json: how many of the kept clips should have been kept and
how many that should were; cuts found; angles in degrees; mattes. A film has two shots of different people; a shot is of one KIND,
whose name says what is wrong with it. The models are those of the settings, as for any folder of videos.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass, fields
from pathlib import Path

import av
import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from training.curate.__main__ import number_of, run
from training.curate.drawn import cut_outs, smooth_noise
from training.curate.one_video import cut, resized
from training.curate.settings import read_settings
from training.files import write_json_atomically
from training.heads import sample_identities, sample_scenes
from training.heads.motion import Motions

WIDTH, HEIGHT, FPS, SHOT_FRAMES = 640, 360, 8, 40
SIZE = 224  # of the square a head is rendered in; its face is about two fifths as wide
# Degrees by which a kept clip's true range of yaw may fall short of the setting.
TOLERANCE = 10.0
# Whether each head of a shot makes a clip.
KINDS = {
    "turns": (True,), "turns and nods": (True,), "walks while turning": (True,), "two apart": (True, True),
    "hardly turns": (False,), "far away": (False,), "half out of the frame": (False,), "leaves": (False,), "two close": (False, False),
    "nobody": (),
}  # fmt: skip
ORDER = ("turns", "hardly turns", "walks while turning", "far away", "two apart", "half out of the frame", "turns and nods", "leaves",
         "turns", "two close", "turns and nods", "nobody")  # fmt: skip


@dataclass
class Head:
    """One person of one shot, as it truly is."""

    keep: bool
    angles: np.ndarray  # [F, 3] yaw, pitch, roll in degrees
    centers: np.ndarray  # [F, 2] x, y in pixels of the frame
    alphas: np.ndarray  # [F, SIZE, SIZE] in [0, 1]


def path_of(wide: bool, pitched: bool, frames: int, generator: torch.Generator) -> Tensor:
    """Yaw, pitch and roll of a shot, eased between key poses. -> [3, F] in degrees"""
    uniform = lambda low, high: low + (high - low) * torch.rand((), generator=generator).item()
    side = 1 if uniform(0, 1) < 0.5 else -1
    ends = (side * uniform(-55, -30), side * uniform(45, 75)) if wide else (side * uniform(-24, 0), side * uniform(0, 24))
    ease = lambda a, b: a + (b - a) * (0.5 - 0.5 * torch.cos(torch.linspace(0, torch.pi, frames)))
    nod = uniform(12, 22) * torch.sin(torch.linspace(0, 2 * torch.pi, frames)) if pitched else torch.full((frames,), uniform(-6, 6))
    return torch.stack([ease(*ends), nod, torch.full((frames,), uniform(-5, 5))])


def draw_shot(kind: str, generator: torch.Generator) -> tuple[np.ndarray, list[Head]]:
    """-> frames uint8 [F, HEIGHT, WIDTH, 3] and the truth of its heads"""
    keeps = KINDS[kind]
    background = smooth_noise(HEIGHT, WIDTH, generator)
    picture = background.expand(SHOT_FRAMES, -1, -1, -1).clone()
    size = 64 if kind == "far away" else SIZE
    heads = []
    for place, keep in enumerate(keeps):
        angles = path_of(kind != "hardly turns", kind == "turns and nods", SHOT_FRAMES, generator)
        zeros = {field.name: torch.zeros(1, SHOT_FRAMES) for field in fields(Motions)}
        motions = Motions(**{**zeros, "yaw": angles[:1], "pitch": angles[1:2], "roll": angles[2:]})
        identity, scene = sample_identities(1, generator), sample_scenes(1, generator)
        colour, alpha = (part[0] for part in cut_outs(identity, motions, scene, size))
        centers = centers_of(kind, place, len(keeps))
        for frame in range(SHOT_FRAMES):
            paste(picture[frame], colour[frame], alpha[frame], centers[frame])
        heads.append(Head(keep, angles.T.numpy(), centers, alpha[:, 0].numpy()))
    picture += 0.012 * torch.randn(picture.shape, generator=generator)
    return (picture.clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy(), heads


def centers_of(kind: str, place: int, count: int) -> np.ndarray:
    """Where the middle of a head's square is, [F, 2]."""
    along = np.linspace(0, 1, SHOT_FRAMES)
    x, y = np.full(SHOT_FRAMES, WIDTH / 2), np.full(SHOT_FRAMES, HEIGHT / 2 + 40)
    if kind == "walks while turning":
        x = x - 60 + 120 * along
    elif kind == "half out of the frame":
        x = x * 0 + 22
    elif kind == "leaves":
        x = x + np.clip(along - 0.25, 0, None) * 1.6 * WIDTH
    elif count == 2:
        x = x + (1 if place else -1) * (170 if kind == "two apart" else 62)
    return np.stack([x, y], 1)


def paste(picture: Tensor, colour: Tensor, alpha: Tensor, center: np.ndarray) -> None:
    """colour [3, s, s] (already times alpha) over picture [3, H, W], in place; what lies outside is cut off."""
    size = colour.shape[-1]
    left, top = (round(float(value) - size / 2) for value in center)
    x, y = slice(max(left, 0), max(min(left + size, WIDTH), 0)), slice(max(top, 0), max(min(top + size, HEIGHT), 0))
    if x.start < x.stop and y.start < y.stop:
        inside = (slice(None), slice(y.start - top, y.stop - top), slice(x.start - left, x.stop - left))
        picture[:, y, x] = picture[:, y, x] * (1 - alpha[inside]) + colour[inside]


def write_film(path: Path, frames: np.ndarray) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"crf": "16", "threads": "1"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())


def draw_film(path: Path, number: int, shots: int = 2) -> list[list[Head]]:
    """Writes one film; `number` decides everything in it. -> the heads of each shot"""
    generator = torch.Generator().manual_seed(70_000_000 + number)
    drawn = [draw_shot(ORDER[(number * shots + shot) % len(ORDER)], generator) for shot in range(shots)]
    write_film(path, np.concatenate([frames for frames, _ in drawn]))
    return [heads for _, heads in drawn]


def true_matte(head: Head, frame: int, crop: np.ndarray, clip: dict) -> np.ndarray:
    """The matte of head as the curation would have stored it, in [0, 1]."""
    whole = torch.zeros(1, HEIGHT, WIDTH)
    alpha = torch.from_numpy(head.alphas[frame])[None]
    paste(whole, alpha, alpha, head.centers[frame])
    return np.clip(resized(cut(whole[0].numpy(), crop), clip), 0, 1)


def judge(films: dict[str, list[list[Head]]], out: Path, settings: dict) -> dict:
    """films: name -> heads of each shot -> the figures of proof.json"""
    clip = settings["clip"]
    kept = right = wanted = found = shots = true_shots = 0
    missed, wrong, errors, mattes = [], [], [], []
    for name, film in films.items():
        record = json.loads((out / "records" / f"{number_of(name)}.json").read_text())
        true_shots += len(film)
        shots += record.get("shots", 0)
        served: set[tuple[int, int]] = set()
        for row in record["segments"]:
            shot = row["start"] // SHOT_FRAMES
            if row["reason"] is not None or shot >= len(film):
                continue
            kept += 1
            inside, crop = slice(row["start"] % SHOT_FRAMES, None), np.array(row["crop"])
            middle = (crop[:2] + crop[2:]) / 2
            away = [np.abs(head.centers[inside, 0].mean() - middle[0]) for head in film[shot]]
            place = int(np.argmin(away)) if away else -1
            head = film[shot][place] if away else None
            frames = np.arange(row["start"], row["stop"]) - shot * SHOT_FRAMES
            one_shot = frames[-1] < SHOT_FRAMES
            enough = settings["coverage"]["min_yaw_range"] - TOLERANCE
            if head is None or not one_shot or not head.keep or np.ptp(head.angles[frames, 0]) < enough:
                wrong.append(f"{name} from {row['start']}: {row['stop'] - row['start']} frames")
                continue
            right += 1
            served.add((shot, place))
            tensors = {key: value[row["place"]] for key, value in load_file(out / "clips" / row["shard"]).items()}
            said = torch.stack([tensors["yaw"], tensors["pitch"], tensors["roll"]], 1).numpy()
            errors.append(np.concatenate([said - head.angles[frames], head.angles[frames]], 1))
            for alpha, frame in zip(tensors["reference_alphas"], tensors["reference_frames"]):
                truth = true_matte(head, int(frames[int(frame)]), crop, clip)
                mine = alpha[0].numpy() / 255
                both, either = (mine > 0.5) & (truth > 0.5), (mine > 0.5) | (truth > 0.5)
                mattes.append((np.abs(mine - truth).mean(), both.sum() / max(either.sum(), 1)))
        for shot, heads in enumerate(film):
            for place, head in enumerate(heads):
                if head.keep:
                    wanted += 1
                    found += (shot, place) in served
                    if (shot, place) not in served:
                        reasons = [row["reason"] for row in record["segments"] if row["start"] // SHOT_FRAMES == shot]
                        missed.append(f"{name} shot {shot}: {', '.join(reason or 'kept' for reason in reasons) or 'no face found'}")
    share = lambda part, whole: round(part / whole, 4) if whole else None
    figures = {
        "films": len(films), "clips": {"kept": kept, "precision": share(right, kept), "recall": share(found, wanted), "should_be_kept": wanted},
        "shots": {"true": true_shots, "found": shots}, "kept_wrongly": wrong, "missed": missed,
    }  # fmt: skip
    if errors:
        said, degrees = np.concatenate(errors), settings["coverage"]["bin_degrees"]
        absolute, yaw = np.abs(said[:, :3]), said[:, 3]
        away = np.abs(np.round((said[:, :2] + said[:, 3:5]) / degrees) - np.round(said[:, 3:5] / degrees)).max(1)
        axes = ("yaw", "pitch", "roll")
        figures["mean_absolute_error_degrees"] = {
            label: dict(zip(axes, absolute[mask].mean(0, dtype=np.float64).round(2).tolist()))
            for label, mask in (("0-30", np.abs(yaw) < 30), ("30-60", (np.abs(yaw) >= 30) & (np.abs(yaw) < 60)), ("60-90", np.abs(yaw) >= 60))
            if mask.any()
        }
        figures["bins"] = {"same": share((away == 0).sum(), len(away)), "same_or_next": share((away <= 1).sum(), len(away))}
        figures["mattes"] = {"mean_absolute_error": round(float(np.mean([m for m, _ in mattes])), 4),
                             "intersection_over_union": round(float(np.mean([i for _, i in mattes])), 4)}  # fmt: skip
    return figures


def prove(folder: Path, films: int, settings: dict) -> dict:
    videos = folder / "films"
    videos.mkdir(parents=True, exist_ok=True)
    truths = {f"{number:03d}.mp4": draw_film(videos / f"{number:03d}.mp4", number) for number in range(films)}
    run(videos, folder / "out", settings)
    figures = judge(truths, folder / "out", settings)
    write_json_atomically(figures, folder / "proof.json")
    return figures


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--films", type=int, default=12)
    parser.add_argument("--config", type=Path)
    arguments = parser.parse_args()
    print(json.dumps(prove(arguments.folder, arguments.films, read_settings(arguments.config)), indent=2))


if __name__ == "__main__":
    main()
