"""Who a procedural head is: independent traits, several of them on one side only.

Sides are the person's own: +1 is their left (the image's right when they face the camera),
-1 their right, 0 neither. Shape traits are factors around 1 or offsets around 0.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor

HAIR_STYLES = (
    "bald", "buzz cut", "short", "fringe", "side-parted", "bob", "long", "bun",
    "afro", "ponytail", "mohawk", "curly", "receding", "pigtails",
)
BEARD_STYLES = ("none", "stubble", "moustache", "goatee", "full beard")
GLASSES_STYLES = ("none", "round", "rectangular", "oval")

HAIR_COLORS = {
    "black": (0.09, 0.08, 0.09), "dark brown": (0.22, 0.13, 0.08), "brown": (0.38, 0.23, 0.13),
    "auburn": (0.48, 0.18, 0.09), "ginger": (0.78, 0.36, 0.12), "blond": (0.86, 0.68, 0.36),
    "platinum": (0.93, 0.87, 0.72), "grey": (0.58, 0.58, 0.60), "white": (0.92, 0.92, 0.93),
    "blue": (0.16, 0.34, 0.72), "pink": (0.90, 0.42, 0.62), "green": (0.20, 0.55, 0.36),
    "purple": (0.44, 0.24, 0.62),
}
EYE_COLORS = {
    "brown": (0.34, 0.19, 0.09), "dark brown": (0.17, 0.10, 0.06), "blue": (0.22, 0.46, 0.78),
    "green": (0.24, 0.52, 0.30), "grey": (0.46, 0.52, 0.58), "hazel": (0.52, 0.38, 0.14),
}
SKIN_COLORS = {
    "pale": (0.98, 0.83, 0.75), "fair": (0.94, 0.75, 0.63), "tan": (0.84, 0.62, 0.46),
    "olive": (0.76, 0.58, 0.41), "brown": (0.60, 0.40, 0.28), "dark": (0.42, 0.27, 0.19),
    "deep": (0.31, 0.20, 0.15),
}
BRIGHT_COLORS = {
    "red": (0.85, 0.15, 0.15), "orange": (0.95, 0.52, 0.12), "yellow": (0.95, 0.83, 0.20),
    "green": (0.18, 0.65, 0.32), "blue": (0.15, 0.38, 0.85), "purple": (0.52, 0.25, 0.72),
    "white": (0.95, 0.95, 0.95), "black": (0.08, 0.08, 0.10), "teal": (0.12, 0.62, 0.64),
}


@dataclass
class Identities:
    """N heads; every field is [N] or, for colours, [N,3] (linear factors, 0 to 1)."""

    skull_width: Tensor
    skull_height: Tensor
    skull_depth: Tensor
    jaw_width: Tensor
    jaw_length: Tensor
    chin_size: Tensor
    cheekbones: Tensor
    cheek_fullness: Tensor
    nose_length: Tensor
    nose_width: Tensor
    nose_size: Tensor
    nose_bridge: Tensor
    eye_size: Tensor
    eye_spacing: Tensor
    eye_tilt: Tensor
    eye_color: Tensor
    brow_thickness: Tensor
    brow_angle: Tensor
    brow_height: Tensor
    brow_color: Tensor
    mouth_width: Tensor
    lip_fullness: Tensor
    lip_color: Tensor
    ear_size: Tensor
    ear_out: Tensor
    hair_style: Tensor
    hair_color: Tensor
    hair_volume: Tensor
    hairline: Tensor
    beard_style: Tensor
    glasses: Tensor
    glasses_color: Tensor
    skin: Tensor
    freckles: Tensor
    neck_width: Tensor
    shoulder_width: Tensor
    parting_side: Tensor
    mole_side: Tensor
    mole_x: Tensor
    mole_y: Tensor
    earring_side: Tensor
    earring_color: Tensor
    scar_side: Tensor
    streak_side: Tensor
    streak_color: Tensor
    paint_side: Tensor
    paint_color: Tensor
    # +1 or -1: fine detail (strands, freckles) is not symmetric and -1 mirrors it; 0: symmetric.
    lopsided: Tensor
    phase: Tensor

    def __len__(self) -> int:
        return self.skull_width.shape[0]

    def __getitem__(self, index) -> "Identities":
        if isinstance(index, int):
            index = [index]
        return Identities(**{f.name: getattr(self, f.name)[index] for f in fields(self)})

    def to(self, device) -> "Identities":
        return Identities(**{f.name: getattr(self, f.name).to(device) for f in fields(self)})


SIDE_FIELDS = ("parting_side", "mole_side", "earring_side", "scar_side", "streak_side", "paint_side")


def sample_identities(n: int, generator: torch.Generator, device="cpu") -> Identities:
    """Draws N identities. `generator` is a CPU generator, so seeds agree across devices."""
    g = generator

    def uniform(low, high):
        return low + (high - low) * torch.rand(n, generator=g)

    def normal(mean, std, limit=2.0):
        return mean + std * torch.randn(n, generator=g).clamp(-limit, limit)

    def choice(weights):
        return torch.multinomial(torch.tensor(weights, dtype=torch.float), n, replacement=True, generator=g)

    def palette(table, weights=None, jitter=0.04):
        colors = torch.tensor(list(table.values()))
        index = choice(weights or [1.0] * len(table))
        return (colors[index] + jitter * (2 * torch.rand(n, 3, generator=g) - 1)).clamp(0.03, 0.98)

    def side(probability):
        present = torch.rand(n, generator=g) < probability
        sign = torch.where(torch.rand(n, generator=g) < 0.5, -1.0, 1.0)
        return torch.where(present, sign, torch.zeros(n))

    skins = torch.tensor(list(SKIN_COLORS.values()))
    tone = uniform(0, len(skins) - 1.001)
    low = tone.long()
    skin = skins[low] + (tone - low)[:, None] * (skins[low + 1] - skins[low])
    skin = (skin + 0.02 * (2 * torch.rand(n, 3, generator=g) - 1)).clamp(0.1, 1.0)

    hair_style = choice([5, 6, 11, 9, 11, 8, 11, 7, 7, 7, 3, 9, 4, 5])
    hair_color = palette(HAIR_COLORS, [10, 9, 9, 5, 6, 9, 3, 5, 3, 2, 2, 1.5, 2])
    dyed = (torch.rand(n, generator=g) < 0.2).float()[:, None]
    brow_color = (hair_color * 0.75) * (1 - dyed) + dyed * torch.tensor([0.18, 0.12, 0.09])
    # Brows stay visible: never brighter than a part of the skin.
    brow_color = torch.minimum(brow_color, skin * 0.72)
    lip_tint = torch.tensor([0.78, 0.30, 0.32])
    lip_strength = uniform(0.25, 0.75)[:, None]
    lip_color = skin * torch.tensor([0.92, 0.66, 0.66]) * (1 - lip_strength) + lip_tint * lip_strength

    # Long hair covers the ears.
    earring_side = torch.where((hair_style == 5) | (hair_style == 6), torch.zeros(n), side(0.42))

    identity = Identities(
        skull_width=normal(1.0, 0.06), skull_height=normal(1.0, 0.05), skull_depth=normal(1.0, 0.04),
        jaw_width=normal(1.0, 0.10), jaw_length=normal(1.0, 0.07), chin_size=normal(1.0, 0.4),
        cheekbones=normal(1.0, 0.6), cheek_fullness=normal(0.0, 0.6),
        nose_length=normal(1.0, 0.12), nose_width=normal(1.0, 0.22), nose_size=normal(0.97, 0.14),
        nose_bridge=normal(1.0, 0.35),
        eye_size=normal(1.0, 0.12), eye_spacing=normal(1.0, 0.07), eye_tilt=normal(0.05, 0.09),
        eye_color=palette(EYE_COLORS),
        brow_thickness=normal(1.0, 0.28), brow_angle=normal(0.0, 0.14), brow_height=normal(0.0, 0.025),
        brow_color=brow_color,
        mouth_width=normal(1.0, 0.14), lip_fullness=normal(1.0, 0.26), lip_color=lip_color.clamp(0.05, 0.95),
        ear_size=normal(1.0, 0.17), ear_out=uniform(0.0, 1.0),
        hair_style=hair_style, hair_color=hair_color, hair_volume=normal(1.0, 0.18), hairline=normal(0.0, 0.05),
        beard_style=choice([60, 10, 7, 8, 15]), glasses=choice([66, 12, 12, 10]),
        glasses_color=palette({"black": (0.07, 0.07, 0.08), "tortoise": (0.36, 0.20, 0.10),
                               "gold": (0.80, 0.63, 0.28), "red": (0.75, 0.14, 0.16), "blue": (0.15, 0.28, 0.70),
                               "silver": (0.70, 0.72, 0.75)}),
        skin=skin, freckles=(uniform(-1.4, 1.0)).clamp(0, 1),
        neck_width=normal(1.0, 0.09), shoulder_width=normal(1.0, 0.07),
        parting_side=torch.where(torch.rand(n, generator=g) < 0.5, -1.0, 1.0),
        mole_side=side(0.4), mole_x=uniform(0.24, 0.44), mole_y=uniform(-0.52, -0.20),
        earring_side=earring_side,
        earring_color=palette({"gold": (0.95, 0.76, 0.25), "silver": (0.85, 0.87, 0.90), "red": (0.85, 0.10, 0.15),
                               "blue": (0.10, 0.40, 0.90), "green": (0.10, 0.70, 0.40)}),
        scar_side=side(0.22), streak_side=side(0.30), streak_color=palette(BRIGHT_COLORS),
        paint_side=side(0.25), paint_color=palette(BRIGHT_COLORS),
        lopsided=torch.ones(n), phase=uniform(0, 6.2831),
    )
    return identity.to(device)


def symmetric(identities: Identities) -> Identities:
    """The same heads without any one-sided trait."""
    values = {f.name: getattr(identities, f.name) for f in fields(identities)}
    for name in (*SIDE_FIELDS, "lopsided"):
        values[name] = torch.zeros_like(values[name])
    return Identities(**values)


def mirrored(identities: Identities) -> Identities:
    """The same heads with every one-sided trait on the other side."""
    values = {f.name: getattr(identities, f.name) for f in fields(identities)}
    for name in (*SIDE_FIELDS, "lopsided"):
        values[name] = -values[name]
    return Identities(**values)


def describe(identities: Identities, i: int) -> dict[str, str | float | bool]:
    """Readable traits of head `i`; one-sided traits say the person's own side or "none"."""

    def nearest(color, table):
        names, colors = list(table), torch.tensor(list(table.values()))
        return names[int((colors - color.cpu()).square().sum(-1).argmin())]

    def side(value):
        return "none" if value == 0 else ("left" if value > 0 else "right")

    get = lambda name: getattr(identities, name)[i]
    number = lambda name: round(float(get(name)), 3)
    style = HAIR_STYLES[int(get("hair_style"))]
    result: dict[str, str | float | bool] = {
        "skin": nearest(get("skin"), SKIN_COLORS),
        "hair_style": style,
        "hair_color": "none" if style == "bald" else nearest(get("hair_color"), HAIR_COLORS),
        "eye_color": nearest(get("eye_color"), EYE_COLORS),
        "beard": BEARD_STYLES[int(get("beard_style"))],
        "glasses": GLASSES_STYLES[int(get("glasses"))],
        "freckles": bool(get("freckles") > 0.25),
        "parting": side(get("parting_side")) if style in ("side-parted", "ponytail") else "none",
        "mole": side(get("mole_side")),
        "earring": side(get("earring_side")),
        "scar": side(get("scar_side")),
        "hair_streak": "none" if style == "bald" else side(get("streak_side")),
        "face_paint": side(get("paint_side")),
    }
    if result["hair_streak"] != "none":
        result["hair_streak_color"] = nearest(get("streak_color"), BRIGHT_COLORS)
    if result["face_paint"] != "none":
        result["face_paint_color"] = nearest(get("paint_color"), BRIGHT_COLORS)
    for name in ("skull_width", "skull_height", "skull_depth", "jaw_width", "jaw_length", "chin_size", "cheekbones",
                 "cheek_fullness", "nose_length", "nose_width", "nose_size", "nose_bridge", "eye_size",
                 "eye_spacing", "eye_tilt", "brow_thickness", "brow_angle", "mouth_width", "lip_fullness",
                 "ear_size", "hair_volume", "hairline"):
        result[name] = number(name)
    return result
