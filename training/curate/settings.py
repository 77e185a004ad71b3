"""The settings of a curation: curate.json beside this file holds every default; a user's file changes what it names."""

from __future__ import annotations

import json
from pathlib import Path

DEFAULTS = Path(__file__).with_name("curate.json")
CHOICES = {
    "clip.framing": ("head", "frame"),
    "clip.layout": ("tensors", "videos"),
    "captions.source": ("file-or-motion", "file", "motion"),
}
# What a number may be, from and to; None is open.
RANGES = {
    "clip.width": (16, 4096), "clip.height": (16, 4096), "clip.fps": (0.1, 240), "clip.num_frames": (1, 10_000),
    "clip.head_scale": (1, 10), "clip.clips_per_shard": (1, None), "shots.adaptive_threshold": (0.1, None),
    "shots.min_content_change": (0, 255), "faces.min_width": (1, None), "faces.max_gap_frames": (0, None),
    "faces.min_presence": (0, 1), "faces.min_posed": (0, 1), "faces.min_sharpness": (0, None), "faces.edge_tolerance": (0, 1),
    "coverage.bin_degrees": (1, 90), "coverage.min_bins": (1, None), "coverage.min_yaw_range": (0, 180),
    "coverage.window_stride": (1, None), "references.count": (1, 16), "references.min_gap_degrees": (0, 180),
    "matte.min_face_alpha": (0, 1), "matte.max_border_alpha": (0, 1),
}  # fmt: skip


def read_settings(path: str | Path | None = None) -> dict:
    """The defaults with the changes of the JSON at `path`. Raises ValueError naming every field that is wrong."""
    changes = json.loads(Path(path).read_text()) if path else {}
    return with_changes(changes)


def with_changes(changes: dict) -> dict:
    settings, errors = json.loads(DEFAULTS.read_text()), []
    for section, values in changes.items():
        if section not in settings:
            errors.append(f"{section} must be one of {', '.join(settings)}, got a section of that name.")
            continue
        for name, value in values.items():
            field = f"{section}.{name}"
            if name not in settings[section]:
                errors.append(f"{field} must be one of {', '.join(settings[section])}, got {name!r}.")
                continue
            settings[section][name] = value
    for field, choices in CHOICES.items():
        value = _get(settings, field)
        if value not in choices:
            errors.append(f"{field} must be one of {', '.join(choices)}, got {value!r}.")
    for field, (low, high) in RANGES.items():
        value = _get(settings, field)
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not number or value < low or (high is not None and value > high):
            errors.append(f"{field} must be a number from {low}{'' if high is None else f' to {high}'}, got {value!r}.")
    for name in ("detector", "pose", "matting"):
        model = settings["models"][name]
        if not isinstance(model, dict) or "kind" not in model:
            errors.append(f"models.{name} must be an object with a kind, got {model!r}.")
    if errors:
        raise ValueError("\n".join(errors))
    return settings


def _get(settings: dict, field: str):
    section, name = field.split(".")
    return settings[section][name]
