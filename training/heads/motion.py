"""How a head moves, and the sentence that says so.

A small grammar: the sentence fixes the path of the head up to a few degrees. Left and right are
the person's own. Paths are eased between key poses placed at fractions of the clip.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import torch
from torch import Tensor

EXTENTS = {"slightly": 25.0, "halfway": 45.0, "far": 65.0}
PROFILE = 90.0
# Fraction of the clip that the movement takes; it starts after the first twentieth.
SPEEDS = {"slowly": 0.92, "": 0.68, "quickly": 0.38}
MOODS = {"": 0.30, "smiling": 0.22, "talking": 0.20, "blinking": 0.09, "with closed eyes": 0.06,
         "with raised brows": 0.06, "with an open mouth": 0.07}
# What a clip does, with weights: most clips turn far.
ACTIONS = {"turn": 24, "turn_back": 10, "sweep": 16, "to_front": 14, "both_sides": 10, "turn_and_pitch": 10,
           "pitch": 6, "nod": 3, "shake": 3, "tilt": 2, "still": 4}


@dataclass
class Motions:
    """N clips of F frames, all [N,F]. Angles in degrees.

    yaw > 0: the person turns to their left (the image's right); pitch > 0: looks up; roll > 0:
    the top of the head leans to the image's right. mouth_open, smile, blink, brow: 0 to 1.
    gaze_x, gaze_y: -1 to 1, positive to the person's left and up.
    """

    yaw: Tensor
    pitch: Tensor
    roll: Tensor
    mouth_open: Tensor
    smile: Tensor
    blink: Tensor
    brow: Tensor
    gaze_x: Tensor
    gaze_y: Tensor

    def __len__(self) -> int:
        return self.yaw.shape[0]

    def __getitem__(self, index) -> "Motions":
        if isinstance(index, int):
            index = [index]
        return Motions(**{f.name: getattr(self, f.name)[index] for f in fields(self)})

    def to(self, device) -> "Motions":
        return Motions(**{f.name: getattr(self, f.name).to(device) for f in fields(self)})


def fixed_pose(yaw, pitch=0.0, roll=0.0, **expression) -> Motions:
    """One frame, [N,1]: every argument is a number or N of them."""
    unknown = set(expression) - {f.name for f in fields(Motions)}
    if unknown:
        raise ValueError(f"expression must name fields of Motions, got {sorted(unknown)}.")
    given = {"yaw": yaw, "pitch": pitch, "roll": roll, **expression}
    values = {f.name: torch.as_tensor(given.get(f.name, 0.0), dtype=torch.float).reshape(-1, 1) for f in fields(Motions)}
    n = max(len(value) for value in values.values())
    return Motions(**{name: value.expand(n, 1).contiguous() for name, value in values.items()})


def sample_motions(n: int, num_frames: int, generator: torch.Generator, fps: float = 8) -> tuple[Motions, list[str]]:
    """N motions of `num_frames` frames and the sentences that state them."""
    clips, captions = [], []
    for _ in range(n):
        keys, sentence = _plan(generator)
        path = _path(keys, num_frames, generator)
        mood = _pick(MOODS, generator)
        clips.append(torch.cat([path, _expression(mood, num_frames, fps, generator)]))
        captions.append(f"{sentence}, {mood}" if mood else sentence)
    stacked = torch.stack(clips)
    return Motions(*(stacked[:, i].contiguous() for i in range(stacked.shape[1]))), captions


def _uniform(generator, low=0.0, high=1.0) -> float:
    return low + (high - low) * float(torch.rand((), generator=generator))


def _pick(weights: dict, generator):
    index = torch.multinomial(torch.tensor(list(weights.values()), dtype=torch.float), 1, generator=generator)
    return list(weights)[int(index)]


def _plan(generator):
    """Key poses [(time 0..1, yaw, pitch, roll)] and the sentence."""
    side = "left" if _uniform(generator) < 0.5 else "right"
    other = "right" if side == "left" else "left"
    sign = 1.0 if side == "left" else -1.0
    speed = _pick({"slowly": 0.25, "": 0.5, "quickly": 0.25}, generator)
    extent = _pick({"slightly": 0.12, "halfway": 0.22, "far": 0.26, "profile": 0.40}, generator)
    degrees = PROFILE if extent == "profile" else EXTENTS[extent]
    direction = f"to full {side} profile" if extent == "profile" else f"{extent} to the {side}"
    up = _uniform(generator) < 0.5
    vertical, tilt = ("up", 1.0) if up else ("down", -1.0)
    pitch_extent = _pick({"slightly": 0.3, "": 0.4, "far": 0.3}, generator)
    pitch = tilt * {"slightly": 15.0, "": 28.0, "far": 42.0}[pitch_extent]
    looks = " ".join(filter(None, ["looks", pitch_extent, vertical]))
    adverb = f" {speed}" if speed else ""
    start, end = 0.05, 0.05 + SPEEDS[speed]
    middle = (start + end) / 2
    action = _pick(ACTIONS, generator)

    if action == "turn":
        return [(start, 0, 0, 0), (end, sign * degrees, 0, 0)], f"a person turns{adverb} {direction}"
    if action == "turn_back":
        return ([(start, 0, 0, 0), (middle, sign * degrees, 0, 0), (end, 0, 0, 0)],
                f"a person turns{adverb} {direction} and back")
    if action == "sweep":
        return ([(start, sign * PROFILE, 0, 0), (end, -sign * PROFILE, 0, 0)],
                f"a person turns{adverb} from the {side} profile to the {other} profile")
    if action == "to_front":
        where = f"in {side} profile" if extent == "profile" else f"turned {extent} to the {side}"
        return ([(start, sign * degrees, 0, 0), (end, 0, 0, 0)],
                f"a person {where} turns{adverb} to the camera")
    if action == "both_sides":
        amount = {"slightly": "slightly", "halfway": "halfway", "far": "far", "profile": "far"}[extent]
        degrees = EXTENTS[amount]
        return ([(0.03, 0, 0, 0), (0.36, sign * degrees, 0, 0), (0.93, -sign * degrees, 0, 0)],
                f"a person turns {amount} to the {side}, then {amount} to the {other}")
    if action == "turn_and_pitch":
        return ([(start, 0, 0, 0), (end, sign * degrees, pitch, 0)],
                f"a person turns{adverb} {direction} and {looks}")
    if action == "pitch":
        return [(start, 0, 0, 0), (end, 0, pitch, 0)], f"a person {looks}{adverb}"
    if action == "nod":
        return ([(0.0, 0, 0, 0), (0.2, 0, -24, 0), (0.4, 0, 6, 0), (0.6, 0, -24, 0), (0.8, 0, 4, 0), (1, 0, 0, 0)],
                "a person nods")
    if action == "shake":
        return ([(0.0, 0, 0, 0), (0.17, sign * 30, 0, 0), (0.42, -sign * 30, 0, 0), (0.67, sign * 30, 0, 0),
                 (0.88, -sign * 12, 0, 0), (1, 0, 0, 0)], f"a person shakes the head, {side} first")
    if action == "tilt":
        # Roll is in the image: leaning to the person's left is to the image's right.
        return [(start, 0, 0, 0), (end, 0, 0, sign * 20)], f"a person tilts the head{adverb} to the {side}"
    where = f"in {side} profile" if extent == "profile" else \
        ("facing the camera" if extent == "slightly" else f"turned {extent} to the {side}")
    yaw = 0.0 if where == "facing the camera" else sign * degrees
    return [(0.0, yaw, 0, 0)], f"a person {where} stays still"


def _path(keys, num_frames: int, generator) -> Tensor:
    """Yaw, pitch, roll [3,F]: eased between the key poses, a few degrees off, with a slow sway."""
    times = torch.linspace(0, 1, num_frames) if num_frames > 1 else torch.zeros(1)
    noise = torch.tensor([2.0, 1.5, 1.2])
    poses = [torch.tensor(key[1:], dtype=torch.float) + noise * torch.randn(3, generator=generator).clamp(-2, 2) for key in keys]
    path = poses[0][:, None].expand(3, num_frames).clone()
    for (t0, *_), (t1, *_), a, b in zip(keys, keys[1:], poses, poses[1:]):
        part = ((times - t0) / (t1 - t0)).clamp(0, 1)
        ease = 0.5 - 0.5 * torch.cos(math.pi * part)
        path = path + (b - a)[:, None] * ease
    phase = torch.rand(3, 1, generator=generator) * 2 * math.pi
    sway = torch.tensor([1.0, 0.8, 0.8])[:, None] * torch.sin(2 * math.pi * 0.8 * times + phase)
    path = path + sway
    limit = torch.tensor([93.0, 45.0, 26.0])[:, None]
    return path.clamp(-limit, limit)


def _expression(mood: str, num_frames: int, fps: float, generator) -> Tensor:
    """mouth_open, smile, blink, brow, gaze_x, gaze_y [6,F]."""
    seconds = torch.arange(num_frames) / fps
    zero = torch.zeros(num_frames)
    rand = lambda low=0.0, high=1.0: _uniform(generator, low, high)
    mouth_open, smile, blink, brow = zero + 0.02, zero + rand(0.0, 0.15), zero.clone(), zero + rand(-0.1, 0.15)
    phase, rate, strength = rand(0, 6.28), rand(1.4, 2.0), rand(0.5, 0.8)
    if mood == "smiling":
        smile = zero + rand(0.8, 1.0)
        mouth_open = zero + rand(0.0, 0.25)
    elif mood == "talking":
        wave = torch.sin(2 * math.pi * rate * seconds + phase)
        mouth_open = strength * (0.5 + 0.5 * wave) * (0.8 + 0.2 * torch.sin(5.1 * seconds))
    elif mood == "blinking":
        beat = torch.cos(2 * math.pi * 1.3 * seconds + phase)
        blink = ((beat - 0.35) / 0.45).clamp(0, 1)
    elif mood == "with closed eyes":
        blink = zero + 1
    elif mood == "with raised brows":
        brow = zero + rand(0.85, 1.0)
    elif mood == "with an open mouth":
        mouth_open = zero + rand(0.7, 0.95)
    drift = lambda: 0.15 * torch.sin(2 * math.pi * 0.3 * seconds + rand(0, 6.28)) + rand(-0.15, 0.15)
    return torch.stack([mouth_open, smile, blink, brow, drift(), 0.5 * drift()])


CAPTION_WORDS = frozenset(
    "a person turns slowly quickly slightly halfway far to full profile the left right and back from in turned camera "
    "then looks up down nods shakes head first tilts facing stays still smiling talking blinking with closed eyes raised "
    "brows an open mouth background light warm cool soft front above "
    "blue green red yellow grey purple pink brown dark white".split()
)
