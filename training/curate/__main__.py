"""A folder of real videos -> clips and references to train on, and a report of what was kept and why the rest was not.

    python -m training.curate VIDEOS OUT [--config curate.json] [--worker 0/4]

Writes what a training reads, by `clip.layout`: "tensors", OUT/clips/*.safetensors as training/render_clips.py does (OUT is then the RUN
of train_vae, cache_latents and train); "videos", OUT/clips/*.mp4, OUT/references/*.png and OUT/clips.jsonl, to fine-tune a Wan on.
Beside it OUT/data.json (the `data` section that the training's config must have), OUT/report.json, report.html and report.png.
Started again it goes on: a video with a record is not read again unless its file or the settings changed. A video that
cannot be read, or that killed the process twice, stands in the report and stops nothing. A file OUT/stop ends the run.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from pathlib import Path

import cv2
import numpy as np

from training.curate import models as model_files
from training.curate.one_video import Models, curate, save_shard, save_videos
from training.curate.report import write_report
from training.curate.settings import read_settings
from training.curate.video import SUFFIXES
from training.files import stop_asked, write_json_atomically

MAX_ATTEMPTS = 2


def number_of(name: str) -> str:
    """Twelve digits that stay a video's own when others come or go; a training stage takes its seed from them."""
    return f"{int(hashlib.sha256(name.encode()).hexdigest(), 16) % 10**12:012d}"


def fingerprint(path: Path, settings: dict) -> str:
    """Changes with the file, the caption beside it, and the settings, but for the folder the models lie in."""
    sidecar = path.with_suffix(".txt")
    stat = path.stat()
    models = {name: value for name, value in settings["models"].items() if name != "folder"}
    parts = [stat.st_size, stat.st_mtime_ns, sidecar.read_text() if sidecar.exists() else None, {**settings, "models": models}]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def made_of(number: str, out: Path) -> list[Path]:
    """The clips and references of one video."""
    return [path for folder in ("clips", "references") for path in (out / folder).glob(f"{number}???*")]


def curate_one(path: Path, name: str, out: Path, models: Models, settings: dict) -> dict | None:
    """The record of one video, made or found. Whatever goes wrong with it becomes its record."""
    number = number_of(name)
    record_path, attempts_path = out / "records" / f"{number}.json", out / "records" / f"{number}.attempts"
    mark = fingerprint(path, settings)
    if record_path.exists() and json.loads(record_path.read_text())["fingerprint"] == mark:
        return None
    for old in [*made_of(number, out), *(out / "thumbnails").glob(f"{number}-*.jpg")]:
        old.unlink()
    tries = attempts_path.read_text().split() if attempts_path.exists() else []
    tries = [*(attempt for attempt in tries if attempt == mark), mark]
    attempts_path.write_text(" ".join(tries))
    record = {"video": name, "fingerprint": mark, "problem": None, "segments": []}
    if len(tries) > MAX_ATTEMPTS:
        record["problem"] = f"the process died while it read this video, {MAX_ATTEMPTS} times"
    else:
        try:
            videos = settings["clip"]["layout"] == "videos"
            save = save_videos(out, number, settings["clip"]["fps"]) if videos else save_shard(out / "clips", number)
            record |= curate(path, models, settings, save)
            for i, row in enumerate(record["segments"]):
                row["thumbnails"] = store_thumbnails(row.get("thumbnails", []), out / "thumbnails", f"{number}-{i}")
        except Exception as error:  # noqa: BLE001 - one bad video must never stop the run
            record["problem"] = f"{type(error).__name__}: {error}"[:300]
            for clip in made_of(number, out):
                clip.unlink()
    write_json_atomically(record, record_path)
    attempts_path.unlink()
    return record


def store_thumbnails(images: list[np.ndarray], folder: Path, stem: str) -> list[str]:
    names = []
    for i, image in enumerate(images):
        height = 96
        small = cv2.resize(image, (max(1, round(height * image.shape[1] / image.shape[0])), height), interpolation=cv2.INTER_AREA)
        cv2.imwrite(str(folder / f"{stem}-{i}.jpg"), cv2.cvtColor(small, cv2.COLOR_RGB2BGR))
        names.append(f"{stem}-{i}.jpg")
    return names


def load_models(settings: dict) -> Models:
    chosen = settings["models"]
    return Models(*(getattr(model_files, f"load_{name}")(chosen) for name in ("detector", "pose", "matting")))


def run(videos: Path, out: Path, settings: dict, worker: int = 0, workers: int = 1) -> dict:
    """Curates this worker's share and writes the report of all that is done so far. -> the report"""
    for folder in ("clips", "references", "records", "thumbnails"):
        (out / folder).mkdir(parents=True, exist_ok=True)
    paths = sorted(path for path in videos.rglob("*") if path.suffix.lower() in SUFFIXES)
    if not paths:
        raise FileNotFoundError(f"{videos} must hold videos ({' '.join(sorted(SUFFIXES))}), got none.")
    models = load_models(settings)
    for path in paths[worker::workers]:
        if stop_asked(out):
            break
        name = path.relative_to(videos).as_posix()
        if record := curate_one(path, name, out, models, settings):
            kept = sum(row["reason"] is None for row in record["segments"])
            outcome = f"{kept} of {len(record['segments'])} kept"
            print(f"{name}: {record['problem'] or outcome}", flush=True)
    return write_report(out, [path.relative_to(videos).as_posix() for path in paths], settings)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("videos", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--config", type=Path)
    parser.add_argument("--worker", default="0/1", help="this process's share, as INDEX/COUNT")
    arguments = parser.parse_args()
    worker, workers = map(int, arguments.worker.split("/"))
    try:
        report = run(arguments.videos, arguments.out, read_settings(arguments.config), worker, workers)
    except (ValueError, FileNotFoundError) as error:
        sys.exit(str(error))
    print(f"{report['clips_kept']} clips of {report['videos_done']} of {report['videos']} videos: {arguments.out / 'report.html'}")


if __name__ == "__main__":
    main()
