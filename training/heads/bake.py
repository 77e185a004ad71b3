"""Bakes each identity's head into two maps over the sphere of directions.

The head surface is star-shaped: one radius per direction from the centre (between the ears, at
eye level). A direction maps to (u,v) without trigonometry: v = y/(|y|+rho) with rho = sqrt(x^2+z^2)
and u = half the "diamond angle" of (x,z), 0 in front of the face, +-1 behind. The maps of all
identities stand on top of one another in one tall atlas, so that a flat list of rays samples it
in one call. Axes: x to the person's left, y up, z out of the face; the unit is about 11 cm.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from .identity import Identities

MAP_HEIGHT, MAP_WIDTH = 160, 256
MOUTH_Y = -0.60
EYE_Y = 0.0


@dataclass
class Atlas:
    """radius [1,1,N*H,W]; texture [1,8,N*H,W]: albedo 3, normal 3, occlusion, hair; bound [N]."""

    radius: Tensor
    texture: Tensor
    bound: Tensor


def smoothstep(low, high, value: Tensor) -> Tensor:
    t = ((value - low) / (high - low)).clamp(0, 1)
    return t * t * (3 - 2 * t)


def bake(identities: Identities) -> Atlas:
    """Maps of every identity. Everything here is closed form: no marching."""
    device = identities.skull_width.device
    direction = _directions(device)
    dx, dy, dz = direction
    n = len(identities)

    def t(name):
        return getattr(identities, name).view(n, 1, 1)

    def color(name):
        return getattr(identities, name).view(n, 3, 1, 1)

    phi = torch.atan2(dx.abs(), dz)  # 0 in front, pi behind

    # Skull: two ellipsoids around the centre, blended.
    cranium = _exit(direction, (0.0, 0.20, -0.10), (0.73 * t("skull_width"), 0.80 * t("skull_height"),
                                                   0.92 * t("skull_depth")))
    jaw_width = t("jaw_width")
    jaw = _exit(direction, (0.0, -0.36, 0.14), (0.58 * jaw_width, 0.62 * t("jaw_length"), 0.64))
    base = torch.logaddexp(cranium * 14, jaw * 14) / 14 - 0.02
    bx, by, bz = dx * base, dy * base, dz * base
    ax = bx.abs()
    front = smoothstep(0.0, 0.35, bz)

    def bump(cx, cy, sx, sy):
        return torch.exp(-((ax - cx) / sx).square() - ((by - cy) / sy).square()) * front

    # Face: displacements along the ray, placed in the (x,y) of the skull's surface.
    eye_x = 0.285 * t("eye_spacing")
    face = -0.065 * bump(eye_x, EYE_Y - 0.02, 0.15, 0.09)
    face = face + 0.030 * bump(0.26, 0.20, 0.24, 0.07)
    face = face + 0.035 * t("cheekbones") * bump(0.44, -0.20, 0.14, 0.12)
    face = face + 0.05 * t("cheek_fullness") * bump(0.38, -0.48, 0.20, 0.18)
    face = face + 0.075 * t("chin_size") * bump(0.0, -0.86, 0.20, 0.13)
    face = face + 0.045 * bump(0.0, MOUTH_Y + 0.02, 0.26, 0.13)
    lip = 0.032 * t("lip_fullness")
    face = face + lip * bump(0.0, MOUTH_Y + 0.045, 0.20, 0.035) + lip * bump(0.0, MOUTH_Y - 0.05, 0.17, 0.04)
    face = face - 0.025 * bump(0.0, MOUTH_Y, 0.22, 0.018)
    top, tip = 0.12, -0.28 * t("nose_length")
    along = ((top - by) / (top - tip)).clamp(0, 1.2)
    height = 0.085 * t("nose_bridge").clamp_min(0.2) * smoothstep(0.0, 0.5, along) + 0.125 * along.clamp(0, 1).pow(1.5)
    height = height * (1 - smoothstep(tip + 0.01, tip - 0.105, by)) * t("nose_size")
    width = t("nose_width") * (0.060 + 0.045 * along.clamp(0, 1).square())
    face = face + height * torch.exp(-(ax / width).pow(2.4)) * front
    face = face + 0.035 * t("nose_size") * bump(0.0, tip + 0.025, 0.085 * t("nose_width"), 0.075)
    wing_y = tip - 0.01
    face = face + 0.062 * bump(0.105 * t("nose_width"), wing_y, 0.045, 0.045)
    radius = base + face

    # Beard: a thin layer on the jaw.
    style = t("beard_style")
    cheek_line = -0.50 + 0.95 * (ax - 0.28).clamp_min(0) - 0.06 * t("hairline")
    noise_x = torch.where(t("lopsided") == 0, dx.abs(), dx * t("lopsided"))
    fuzz = 0.5 + 0.5 * torch.sin(noise_x * 30 + t("phase")) * torch.sin(dy * 27 + 2 * t("phase"))
    full = smoothstep(0.09, -0.09, by - cheek_line + 0.04 * (fuzz - 0.5)) * smoothstep(1.55, 1.25, phi)
    full = full * smoothstep(0.9, 1.25, (ax / 0.19).square() + ((by - MOUTH_Y) / 0.075).square())
    moustache = smoothstep(1.15, 0.75, (ax / 0.25).square() + ((by - MOUTH_Y - 0.115 + 0.25 * ax) / 0.055).square()) * front
    goatee = torch.maximum(moustache, smoothstep(1.15, 0.8, (ax / 0.19).square() + ((by + 0.87) / 0.17).square()) * front)
    full = torch.maximum(full, moustache)
    beard = torch.where(style == 2, moustache, torch.where(style == 3, goatee, torch.where((style == 4) | (style == 1), full, 0 * full)))
    radius = radius + torch.where(style == 1, 0.0 * beard, beard.square() * (0.040 + 0.02 * fuzz) * torch.where(style == 4, 1.5, 1.0))

    hair, hair_radius, strand, parting = _hair(identities, t, direction, base, radius, phi, noise_x)
    radius = torch.maximum(radius, hair_radius)

    # Colours.
    skin = color("skin")
    blush = (0.5 * bump(0.42, -0.30, 0.16, 0.13) + 0.55 * bump(0.0, tip, 0.10, 0.08))[:, None]
    albedo = skin * (1 - blush * torch.tensor([0.04, 0.20, 0.18], device=device).view(1, 3, 1, 1))
    nostril = bump(0.062 * t("nose_width"), tip - 0.062, 0.028, 0.017)[:, None]
    albedo = albedo * (1 - 0.72 * nostril)
    albedo = albedo * (1 - 0.16 * bump(eye_x, EYE_Y + 0.02, 0.17, 0.10))[:, None]
    albedo = _freckles(identities, t, albedo, bx, by, front)
    sx = t("mole_side") * bx
    mole = smoothstep(0.066, 0.048, ((sx - t("mole_x")).square() + (by - t("mole_y")).square() + 1e-9).sqrt())
    mole = (mole * (t("mole_side") != 0) * front)[:, None]
    albedo = albedo * (1 - mole) + mole * skin * 0.22
    sx = t("scar_side") * bx
    across = (sx - 0.47 + 0.5 * (by + 0.25)).abs()
    scar = smoothstep(0.046, 0.028, across) * smoothstep(0.19, 0.16, (by + 0.25).abs()) * (t("scar_side") != 0) * front
    albedo = albedo * (1 - scar[:, None]) + scar[:, None] * (0.35 * skin + torch.tensor([0.52, 0.12, 0.15], device=device).view(1, 3, 1, 1))
    sx = t("paint_side") * bx
    paint = torch.maximum(
        smoothstep(0.050, 0.036, (by + 0.19 + 0.10 * sx).abs()), smoothstep(0.050, 0.036, (by + 0.36 + 0.10 * sx).abs()))
    paint = paint * smoothstep(0.20, 0.23, sx) * smoothstep(0.60, 0.57, sx) * (t("paint_side") != 0) * front
    albedo = albedo * (1 - 0.9 * paint[:, None]) + 0.9 * paint[:, None] * color("paint_color")
    beard_color = color("hair_color") * 0.85 * (0.8 + 0.3 * fuzz)[:, None]
    opacity = (beard * torch.where(style == 1, 0.36, 0.97))[:, None]
    albedo = albedo * (1 - opacity) + opacity * beard_color

    # Where the hair ring is thin (buzz, receding) the skin shines through by `hair`.
    hair_color = color("hair_color")
    sx = t("streak_side") * dx
    streak = smoothstep(0.14, 0.20, sx) * smoothstep(0.58, 0.52, sx) * (t("streak_side") != 0) * smoothstep(-0.55, -0.2, dz) * smoothstep(-0.05, 0.1, dy)
    hair_color = hair_color * (1 - streak[:, None]) + streak[:, None] * color("streak_color")
    hair_color = hair_color * (0.78 + 0.34 * strand)[:, None] * (1 - 0.35 * parting)[:, None]
    albedo = albedo * (1 - hair[:, None]) + hair[:, None] * hair_color

    position = direction[None] * radius[:, None]
    normal = _normals(position)
    # Concave places are darker: the surface against its own blur.
    blurred = F.avg_pool2d(F.pad(radius[:, None], (9, 9, 9, 9), mode="replicate"), (1, 19), stride=1)
    blurred = F.avg_pool2d(blurred, (19, 1), stride=1)[:, 0]
    occlusion = (1 + 3.2 * (radius - blurred).clamp(-0.16, 0.03)).clamp(0.45, 1.06)
    texture = torch.cat([albedo.clamp(0, 1), normal, occlusion[:, None],
                         torch.maximum(hair, 0.75 * opacity[:, 0])[:, None]], 1)
    stacked = texture.permute(1, 0, 2, 3).reshape(1, 8, n * MAP_HEIGHT, MAP_WIDTH).contiguous()
    return Atlas(radius.reshape(1, 1, n * MAP_HEIGHT, MAP_WIDTH).contiguous(), stacked, radius.amax((1, 2)))


def _hair(identities, t, direction, base, radius, phi, noise_x):
    """Hair opacity, hair radius, strand brightness, and the darkness of the parting: each [N,H,W]."""
    dx, dy, dz = direction
    style = t("hair_style")
    volume = t("hair_volume")
    bx, by = dx * base, dy * base
    side = t("parting_side")
    is_ = lambda *numbers: sum((style == k).float() for k in numbers)
    fringe, parted, bob, long = is_(3, 13), is_(4, 9), is_(5), is_(6)
    tight = is_(7, 9, 13)

    # Hairline: its height by angle from the front; sideburn before the ear, nape behind it.
    line = 0.56 + t("hairline") + 0.10 * bx.abs() - 0.05 * torch.cos(bx * 9) * 0.5
    line = line - fringe * (0.30 + 0.015 * torch.sin(noise_x * 40)) - bob * 0.27
    line = line + parted * (-0.13 * (side * bx + 0.15)) + long * 0.02
    line = line + is_(12) * 0.75 * smoothstep(1.25, 0.9, phi) + is_(8, 11) * 0.02
    sideburn = smoothstep(0.85, 1.15, phi)
    line = line * (1 - sideburn) + sideburn * (0.05 - 0.06 * tight)
    line = line + 0.22 * smoothstep(1.36, 1.5, phi) * smoothstep(1.85, 1.65, phi) * (1 - bob - long)
    line = line - (bob + long) * 0.4 * smoothstep(1.1, 1.3, phi)
    line = line - 0.55 * smoothstep(1.68, 2.0, phi)
    line = line + is_(10) * 0.1
    edge = by - line
    mask = smoothstep(-0.010, 0.045, edge)
    shown = smoothstep(-0.040, -0.012, edge)
    bald_top = is_(12) * smoothstep(0.52, 0.60, by)
    mask, shown = mask * (1 - bald_top) * (1 - is_(0)), shown * (1 - bald_top) * (1 - is_(0))

    azimuth = torch.atan2(noise_x, dz)
    phase = t("phase")
    strands = torch.sin(azimuth * 15 + 3.0 * torch.sin(dy * 4 + phase) + phase) * 0.65 + \
        torch.sin(azimuth * 29 + 4 * dy + 2 * phase) * 0.35
    curls = torch.sin(noise_x * 19 + phase) * torch.sin(dy * 21 + 1.3 * phase) * torch.sin(dz * 20 + 0.7 * phase)
    curly = is_(8, 11)
    detail = strands * (1 - curly) + 1.6 * curls * curly

    # Thickness per style, more on top than at the sides, thin at the edge.
    upper = smoothstep(-0.1, 0.8, dy)
    thick = (is_(1) * 0.025 + is_(2) * (0.065 + 0.10 * upper) + is_(3, 4) * (0.085 + 0.10 * upper)
             + is_(5, 6) * (0.10 + 0.05 * upper) + tight * (0.05 + 0.02 * upper)
             + is_(8) * 0.40 + is_(11) * (0.19 + 0.06 * upper) + is_(12) * 0.06)
    crest = smoothstep(0.17, 0.09, dx.abs()) * smoothstep(-0.35, 0.1, dy)
    thick = thick + is_(10) * (0.012 + 0.33 * crest)
    # A side parting lifts the hair away from a groove on top.
    groove_x = side * bx - 0.26
    groove = parted * torch.exp(-(groove_x / 0.035).square()) * smoothstep(0.35, 0.55, by) * smoothstep(-0.5, 0.0, dz)
    lift = parted * 0.07 * torch.exp(-((groove_x + 0.22) / 0.2).square()) * smoothstep(0.3, 0.7, by) * smoothstep(-0.2, 0.3, dz)
    thick = (thick * volume + lift * volume) * (1 - 0.35 * groove)
    roundness = smoothstep(-0.03, 0.16, edge)
    thick = thick * (0.45 + 0.55 * roundness) + detail * (0.006 + 0.022 * curly + 0.003 * is_(2, 3, 4)) * (thick > 0.02)
    hair_radius = radius + (thick.clamp_min(0.004)) * mask - 0.3 * (1 - mask)

    # Long hair: a curtain around the sides and the back, cut at its length.
    rho = (dx.square() + dz.square()).sqrt().clamp_min(1e-4)
    width = 0.74 * t("skull_width") + 0.13 * volume
    back = 0.92 * t("skull_depth") + 0.08
    tube = 1.0 / ((dx / width).square() + (dz / torch.where(dz < 0, back, 0.80 + 0 * back)).square()).sqrt().clamp_min(1e-3)
    flare = 1 + 0.10 * long * smoothstep(0.0, -0.7, dy)
    length = bob * 0.80 + long * 1.42
    cut = length / (-dy).clamp_min(1e-3)
    curtain = -torch.logaddexp(-tube * flare * 10, -cut * 10) / 10
    curtain = curtain * (1 + 0.009 * strands * smoothstep(-0.8, -0.5, dy))
    opening = 1.02 + 0.16 * smoothstep(-0.2, -0.8, dy)
    curtain_mask = (bob + long) * smoothstep(opening - 0.06, opening + 0.07, phi) * smoothstep(0.80, -0.05, dy)
    curtain_radius = radius + (torch.maximum(curtain, radius) - radius) * curtain_mask
    hair_radius = torch.where(curtain_mask > 0, torch.maximum(hair_radius, curtain_radius), hair_radius)
    hair = torch.maximum(shown * (1 - 0.22 * is_(1) - 0.25 * is_(10) * (1 - crest)), smoothstep(0.01, 0.12, curtain_mask))
    return hair, hair_radius, (0.55 + 0.45 * detail).clamp(0, 1.2), groove


def _freckles(identities, t, albedo, bx, by, front):
    """Small dark dots over the nose and the cheeks, one to a cell of a jittered grid."""
    x = torch.where(t("lopsided") == 0, bx.abs(), bx * t("lopsided"))
    gx, gy = x * 16 + t("phase"), by * 16
    cx, cy = gx.floor(), gy.floor()
    h1 = torch.frac((torch.sin(cx * 12.9898 + cy * 78.233) * 437.585).abs())
    h2 = torch.frac((torch.sin(cx * 39.346 + cy * 11.135) * 437.585).abs())
    distance = ((gx - cx - 0.3 - 0.4 * h1).square() + (gy - cy - 0.3 - 0.4 * h2).square()).sqrt()
    dots = smoothstep(0.30, 0.14, distance) * (h1 + h2 < 1.15)
    region = torch.exp(-(bx.abs() - 0.26).square() / 0.05 - (by + 0.22).square() / 0.022) * front
    dots = (dots * region * t("freckles"))[:, None]
    return albedo * (1 - dots * torch.tensor([0.35, 0.5, 0.58], device=bx.device).view(1, 3, 1, 1))


def _exit(direction: Tensor, center, radii) -> Tensor:
    """Distance at which a ray from the origin (inside) leaves an axis-aligned ellipsoid."""
    a = b = c = 0.0
    for d, m, r in zip(direction, center, radii):
        a = a + (d / r) ** 2
        b = b + d * m / r**2
        c = c + m * m / r**2
    return (b + (b * b - a * (c - 1)).sqrt()) / a


def _directions(device) -> Tensor:
    """[3,H,W] unit directions of the texels; row 0 is up, the middle column the face."""
    v = torch.linspace(1, -1, MAP_HEIGHT, device=device)[:, None].expand(MAP_HEIGHT, MAP_WIDTH)
    a = 2 * torch.linspace(-1, 1, MAP_WIDTH, device=device)[None].expand(MAP_HEIGHT, MAP_WIDTH)
    near = a.abs() <= 1
    x = torch.where(near, a, a.sign() * (2 - a.abs()))
    z = torch.where(near, 1 - a.abs(), 1 - a.abs())
    length = (x * x + z * z).sqrt()
    s, c = v, 1 - v.abs()
    norm = (s * s + c * c).sqrt()
    return torch.stack([x / length * c / norm, s / norm, z / length * c / norm])


def _normals(position: Tensor) -> Tensor:
    """Unit outward normals of the baked surface [N,3,H,W], by central differences around the seam."""
    # Columns 0 and W-1 are the same direction, so wrapping skips one.
    wide = torch.cat([position[..., -2:-1], position, position[..., 1:2]], -1)
    du = wide[..., 2:] - wide[..., :-2]
    tall = torch.cat([position[..., :1, :], position, position[..., -1:, :]], -2)
    dv = tall[..., :-2, :] - tall[..., 2:, :]  # towards +y
    normal = torch.cross(du, dv, dim=1)
    length = normal.norm(dim=1, keepdim=True)
    radial = position / position.norm(dim=1, keepdim=True)
    return torch.where(length > 1e-7, normal / length.clamp_min(1e-7), radial)
