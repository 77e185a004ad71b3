"""One video from file to clips: read it to find and follow the faces, choose, read it again to cut out what was chosen."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file

from training.curate.captions import caption_for
from training.curate.coverage import bin_name, bins, gaps
from training.curate.matting import on_white, only_with_face
from training.curate.segments import Segment, segments_of
from training.curate.shots import ShotCuts
from training.curate.track import Tracker
from training.curate.video import read_samples
from training.dataset import write_video

THUMBNAIL = 96


@dataclass
class Models:
    """The three models, as training/curate/models.py makes them."""

    detector: Callable
    pose: Callable
    matting: Callable


def curate(path: Path, models: Models, settings: dict, save: Callable) -> dict:
    """Finds and writes the clips of one video. save(tensors, captions) stores one shard and returns its name.

    -> the record: shots, tracks with what became of each, clips with their coverage. Raises what reading the video raises.
    """
    frame_size, shots, num_samples = find_segments(path, models, settings)
    segments = [segment for shot in shots for segment in shot["segments"]]
    rows = write_segments(path, segments, models, settings, save) if segments else []
    return {
        "frame_size": list(frame_size), "num_samples": num_samples, "shots": len(shots),
        "faces_found": sum(shot["faces"] for shot in shots), "segments": rows,
    }  # fmt: skip


def find_segments(path: Path, models: Models, settings: dict) -> tuple[tuple[int, int], list[dict], int]:
    """-> (width, height), one {"segments", "faces"} a shot, and the number of samples"""
    cuts = ShotCuts(settings["shots"]["adaptive_threshold"], settings["shots"]["min_content_change"])
    found, frame_size = [], (0, 0)
    for sample in read_samples(path, settings["clip"]["fps"]):
        if sample.small is not None:
            cuts.feed(sample.small)
        if sample.index is None:
            continue
        frame_size = sample.image.shape[1::-1]
        faces = models.detector(sample.image)
        for face in faces:
            face.sharpness = sharpness(sample.image, face.box)
        poses = [models.pose(sample.image, face) for face in faces]
        found.append((cuts.count - 1, sample.index, faces, poses))
    starts = cuts.finish()
    trackers: dict[int, Tracker] = {}
    for decoded, index, faces, poses in found:
        shot = sum(start <= decoded for start in starts)
        trackers.setdefault(shot, Tracker(settings["faces"]["max_gap_frames"])).feed(index, faces, poses)
    shots = [
        {"segments": segments_of(tracker.tracks, frame_size, settings), "faces": sum(len(t.frames) for t in tracker.tracks)}
        for tracker in trackers.values()
    ]
    return frame_size, shots, len(found)


def sharpness(image: np.ndarray, box: np.ndarray) -> float:
    """Variance of the Laplacian of the face at 112 x 112, in grey levels squared; a sharp photograph has 200 and more."""
    left, top, right, bottom = np.clip(box, 0, [*image.shape[1::-1]] * 2).round().astype(int)
    if right - left < 4 or bottom - top < 4:
        return 0.0
    grey = cv2.cvtColor(image[top:bottom, left:right], cv2.COLOR_RGB2GRAY)
    return float(cv2.Laplacian(cv2.resize(grey, (112, 112), interpolation=cv2.INTER_AREA), cv2.CV_64F).var())


def write_segments(path: Path, segments: list[Segment], models: Models, settings: dict, save: Callable) -> list[dict]:
    """Reads the video again, cuts the kept segments out and saves them. -> one row a segment, kept or not"""
    clip_settings = settings["clip"]
    rows = [_row(segment, settings) for segment in segments]
    open_clips: dict[int, dict] = {}
    shard: list[tuple[int, dict, str]] = []

    def flush():
        if shard:
            tensors = {name: torch.from_numpy(np.stack([clip[name] for _, clip, _ in shard])) for name in shard[0][1]}
            stored = save(tensors, [caption for _, _, caption in shard])
            for place, (number, _, _) in enumerate(shard):
                rows[number]["shard"], rows[number]["place"] = stored, place
            shard.clear()

    last = max(segment.stop for segment in segments)
    for sample in read_samples(path, clip_settings["fps"], small=False):
        if sample.index is None:
            continue
        if sample.index >= last:
            break
        for number, segment in enumerate(segments):
            frame = sample.index - segment.start
            if segment.reason is not None and "thumbnails" not in rows[number] and sample.index >= _middle(segment):
                rows[number]["thumbnails"] = [_face_thumbnail(sample.image, segment, sample.index)]
            if segment.reason is not None or not 0 <= frame < segment.stop - segment.start:
                continue
            clip = open_clips.setdefault(number, {"frames": [], "references": {}, "alphas": {}})
            picture = cut(sample.image, segment.crop)
            clip["frames"].append(resized(picture, clip_settings))
            if frame in segment.references:
                box = segment.track.boxes(sample.index, sample.index + 1)[0] - np.tile(segment.crop[:2].round(), 2)
                alpha = only_with_face(models.matting(picture), box)
                if problem := matte_problem(alpha, box, settings["matte"]):
                    segment.reason, rows[number]["reason"], rows[number]["matte_problem"] = "bad matte", "bad matte", problem
                    rows[number]["thumbnails"] = [on_white(resized(picture, clip_settings), resized(alpha, clip_settings))]
                    del open_clips[number]
                    continue
                clip["references"][frame] = resized(on_white(picture, alpha), clip_settings)
                clip["alphas"][frame] = resized((alpha * 255).round().astype(np.uint8), clip_settings)
            if frame == segment.stop - segment.start - 1:
                caption = caption_for(path, segment.angles, settings["captions"]["source"])
                tensors = _tensors(clip, segment)
                rows[number] |= {"caption": caption, "thumbnails": _thumbnails(clip, segment)}
                shard.append((number, tensors, caption))
                del open_clips[number]
                if len(shard) == clip_settings["clips_per_shard"]:
                    flush()
    flush()
    return rows


def _tensors(clip: dict, segment: Segment) -> dict[str, np.ndarray]:
    """What render_clips.py writes, with the mattes of the references besides."""
    chosen = segment.references
    return {
        "clips": np.stack(clip["frames"]).transpose(0, 3, 1, 2),
        "references": np.stack([clip["references"][frame] for frame in chosen]).transpose(0, 3, 1, 2),
        "reference_alphas": np.stack([clip["alphas"][frame] for frame in chosen])[:, None],
        "reference_frames": np.array(chosen, np.int64),
        "yaw": segment.angles[:, 0].astype(np.float32),
        "pitch": segment.angles[:, 1].astype(np.float32),
        "roll": segment.angles[:, 2].astype(np.float32),
    }


def cut(image: np.ndarray, crop: np.ndarray) -> np.ndarray:
    """image [H, W, 3], crop [4] -> the part of it, in its own pixels"""
    left, top, right, bottom = np.clip(crop.round(), 0, [*image.shape[1::-1]] * 2).astype(int)
    return image[top:bottom, left:right]


def resized(image: np.ndarray, clip: dict) -> np.ndarray:
    """image [H, W] or [H, W, 3] -> the clip's size"""
    shrinks = image.shape[0] >= clip["height"]
    return cv2.resize(image, (clip["width"], clip["height"]), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)


def matte_problem(alpha: np.ndarray, box: np.ndarray, limits: dict) -> str | None:
    """What is wrong with a matte [H, W] of a person whose face is at box [4]; None when nothing is."""
    inset = 0.15 * np.array([box[2] - box[0], box[3] - box[1]] * 2) * [1, 1, -1, -1]
    left, top, right, bottom = np.clip(box + inset, 0, [*alpha.shape[::-1]] * 2).round().astype(int)
    face = alpha[top:bottom, left:right]
    if face.size == 0 or face.mean() < limits["min_face_alpha"]:
        return f"alpha of the face must be at least {limits['min_face_alpha']}, got {face.mean() if face.size else 0:.2f}."
    # A person may touch the lower half of the border, and above it only here and there.
    half = alpha.shape[0] // 2
    border = np.concatenate([alpha[0], alpha[:half, 0], alpha[:half, -1]])
    if border.mean() > limits["max_border_alpha"]:
        return f"alpha of the upper border must be at most {limits['max_border_alpha']}, got {border.mean():.2f}."
    return None


def _row(segment: Segment, settings: dict) -> dict:
    row = {
        "start": segment.start, "stop": segment.stop, "reason": segment.reason, "face_width": round(segment.width, 1),
        "sharpness": round(segment.sharpness, 1), "found": round(segment.track.share(segment.start, segment.stop), 3),
    }  # fmt: skip
    if segment.crop is not None:
        row["crop"] = [round(float(value), 1) for value in segment.crop]
    else:
        box = segment.track.boxes(segment.start, segment.stop).mean(0)
        row["crop"] = [round(float(value), 1) for value in box]
    if segment.angles is not None:
        counts = bins(segment.angles, settings["coverage"]["bin_degrees"])
        row["bins"] = {bin_name(yaw, pitch): count for (yaw, pitch), count in sorted(counts.items())}
        row["yaw_range"] = round(float(np.ptp(segment.angles[:, 0])), 1)
        row["angles"] = segment.angles.round(1).tolist()
    if segment.references:
        views = segment.angles[segment.references]
        apart = gaps(views) + 1e3 * np.eye(len(views))
        row["reference_frames"] = segment.references
        row["reference_angles"] = views.round(1).tolist()
        row["smallest_gap"] = round(float(apart.min()), 1) if len(views) > 1 else None
    return row


def _middle(segment: Segment) -> int:
    return segment.track.frames[len(segment.track.frames) // 2] if segment.crop is None else (segment.start + segment.stop) // 2


def _face_thumbnail(image: np.ndarray, segment: Segment, index: int) -> np.ndarray:
    box = segment.track.boxes(index, index + 1)[0]
    center, half = (box[:2] + box[2:]) / 2, 1.1 * (box[2] - box[0])
    part = cut(image, np.concatenate([center - half, center + half]))
    return part if part.size else image


def _thumbnails(clip: dict, segment: Segment) -> list[np.ndarray]:
    """The first, the middle and the last frame, then the references."""
    frames = clip["frames"]
    return [frames[0], frames[len(frames) // 2], frames[-1], *(clip["references"][frame] for frame in segment.references)]


def save_videos(out: Path, stem: str, fps: float) -> Callable:
    """-> save(tensors, captions): writes out/clips/<stem><three digits>-<place>.mp4 and out/references/...-<view>.png, and returns
    the part before the place; what training/dataset.py reads once they are listed"""
    count = 0

    def save(tensors: dict[str, torch.Tensor], captions: list[str]) -> str:
        nonlocal count
        name, count = f"{stem}{count:03d}", count + 1
        for place in range(len(captions)):
            write_video(out / "clips" / f"{name}-{place}.mp4", tensors["clips"][place], fps)
            for view, reference in enumerate(tensors["references"][place]):
                Image.fromarray(reference.permute(1, 2, 0).numpy()).save(out / "references" / f"{name}-{place}-{view}.png")
        return name

    return save


def save_shard(folder: Path, stem: str) -> Callable:
    """-> save(tensors, captions): writes folder/<stem><three digits>.safetensors through a partial name"""
    count = 0

    def save(tensors: dict[str, torch.Tensor], captions: list[str]) -> str:
        nonlocal count
        path = folder / f"{stem}{count:03d}.safetensors"
        count += 1
        partial = path.with_suffix(".partial")
        contiguous = {name: tensor.contiguous() for name, tensor in tensors.items()}
        save_file(contiguous, partial, metadata={"captions": json.dumps(captions)})
        partial.rename(path)
        return path.name

    return save
