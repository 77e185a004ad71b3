"""What changes from frame to frame on the face: eyes, lids, brows, mouth; and glasses.

Painted analytically in the face's own x and y (the surface point, before the jaw drops).
"""

from __future__ import annotations

import torch
from torch import Tensor

from .bake import EYE_Y, MOUTH_Y, smoothstep

SOFT = 0.012  # half a pixel of softness, in head units


def _inside(distance: Tensor, soft: float = SOFT) -> Tensor:
    """1 inside (negative distance), 0 outside, smooth between."""
    return (0.5 - distance / (2 * soft)).clamp(0, 1)


def _mix(color: Tensor, alpha: Tensor, other) -> Tensor:
    if isinstance(other, (tuple, list)) and not isinstance(other[0], Tensor):
        other = torch.tensor(other, device=color.device)[:, None]
    elif isinstance(other, (tuple, list)):
        other = torch.stack(list(other))
    return color + alpha * (other - color)


def paint_face(table, f: Tensor, p: Tensor, albedo: Tensor, hair: Tensor):
    """Albedo [3,K] with the moving features, and their shine [K]."""
    x, y, z = p
    names = ("eye_size", "eye_spacing", "eye_tilt", "brow_thickness", "brow_angle", "brow_height", "mouth_width",
             "lip_fullness", "mouth_open", "smile", "blink", "brow", "gaze_x", "gaze_y",
             "eye_color0", "eye_color1", "eye_color2", "brow_color0", "brow_color1", "brow_color2",
             "lip_color0", "lip_color1", "lip_color2", "skin0", "skin1", "skin2")
    (eye_size, spacing, tilt, thick, brow_angle, brow_height, mouth_width, fullness, opened, smile, blink, raised,
     gaze_x, gaze_y, e0, e1, e2, b0, b1, b2, l0, l1, l2, s0, s1, s2) = table.take(names, f)
    smile = smile + 0.18  # a face at rest is friendly
    skin = (1 - hair / 0.8).clamp(0, 1)
    color = albedo
    ax = x.abs()
    sign = torch.where(x < 0, -1.0, 1.0)

    # Eyes.
    width = 0.165 * eye_size
    ex = ax - 0.285 * spacing
    lx = ex / width
    ey = (y - EYE_Y) / (0.112 * eye_size) - tilt * lx
    arch = (1 - lx * lx)
    upper = arch * (1.0 - 0.28 * smile.clamp(0, 1) * 0.4 + 0.12 * raised) * (1 - blink) - 0.55 * arch * blink
    lower = -arch * (0.74 - 0.22 * smile.clamp(0, 1) * (1 - blink))
    scale = 0.112 * eye_size
    inside = torch.minimum(upper - ey, ey - lower) * scale
    eye = _inside(-inside) * (arch > -0.05)
    # Gaze moves both pupils the same way: to the image's right for gaze_x > 0 on a frontal face.
    ix = (ex - sign * gaze_x * 0.055) / eye_size
    iy = (y - EYE_Y - 0.004 - gaze_y * 0.035) / eye_size
    distance = (ix * ix + iy * iy).sqrt()
    white = 0.97 - 0.20 * smoothstep(0.30, -0.02, upper - ey) - 0.10 * smoothstep(0.6, 1.0, lx.abs())
    ball = torch.stack([white, white * 0.985, white * 0.97])
    iris = _inside(distance - 0.080)
    glow = 0.80 + 0.55 * smoothstep(0.02, -0.06, iy)
    dark = 1 - 0.45 * smoothstep(0.056, 0.082, distance)
    ball = _mix(ball, iris, (e0 * glow * dark, e1 * glow * dark, e2 * glow * dark))
    ball = _mix(ball, _inside(distance - 0.034), (0.03, 0.03, 0.04))
    # Catch light: up, in the same place of both eyes.
    cx, cy = sign * ix + 0.0, iy - 0.030
    ball = _mix(ball, 0.95 * _inside((cx * cx + cy * cy).sqrt() - 0.017), (1.0, 1.0, 1.0))
    lid = _inside((ey - upper).abs() * scale - 0.016 - 0.006 * lx) * smoothstep(1.25, 1.0, lx.abs())
    crease = _inside(((ey - upper) * scale - 0.045).abs() - 0.006) * smoothstep(1.1, 0.8, lx.abs()) * 0.30
    under = _inside((ey - lower).abs() * scale - 0.006) * smoothstep(1.05, 0.9, lx.abs()) * 0.30
    color = color * (1 - skin * torch.maximum(crease, under))
    color = _mix(color, eye * skin, ball)
    color = _mix(color, lid * skin * 0.9, (0.09, 0.06, 0.06))

    # Brows.
    bx = (ax - 0.295 * spacing)
    curve = 0.215 + brow_height + 0.06 * raised - 0.35 * (bx * bx) / 0.17 + brow_angle * bx * 0.9
    taper = 1 - 0.35 * smoothstep(-0.02, 0.2, bx)
    brow = _inside((y - curve).abs() - 0.030 * thick * taper, 0.016) * _inside(bx.abs() - 0.180, 0.02)
    color = _mix(color, 0.93 * brow * skin, (b0, b1, b2))

    # Mouth: the line between the lips bends with the smile; the opening is dark, with teeth.
    half = 0.205 * mouth_width * (1 + 0.20 * smile - 0.16 * opened)
    mx = ax / half
    line = MOUTH_Y + 0.055 * smile * (mx * mx - 0.35) - 0.010 * (1 - mx * mx)
    arch = (1 - mx * mx)
    gap_up = 0.022 * opened * arch
    gap_down = (0.16 * opened + 0.012 * smile.clamp(0, 1)) * arch
    bow = 1 - 0.22 * torch.exp(-(ax / 0.035).square())
    top = line + gap_up + arch.clamp_min(0) * 0.047 * fullness * bow
    bottom = line - gap_down - arch.clamp_min(0).sqrt() * 0.058 * fullness
    # Under the jaw's bend the surface carries the lower lip down a little by itself.
    lips = _inside(-torch.minimum(torch.minimum(top - y, y - bottom), (1 - mx) * half))
    mouth = _inside(-torch.minimum(line + gap_up - y, y - line + gap_down)) * (arch > 0) * smoothstep(0.015, 0.06, gap_down + gap_up)
    shade = 1 - 0.14 * (y > line)
    lips = lips * (1 - hair).clamp(0.0, 1) ** 0.5
    color = _mix(color, 0.88 * lips, (l0 * shade, l1 * shade, l2 * shade))
    seam = _inside((y - line).abs() - 0.007) * _inside((ax - half * 0.98)) * 0.62 * (1 - mouth)
    color = color * (1 - seam)
    color = _mix(color, mouth, (0.26, 0.07, 0.08))
    teeth = _inside(-(y - line - gap_up + 0.020 + 0.035 * opened)) * _inside(ax - half * 0.72)
    color = _mix(color, mouth * teeth, (0.95, 0.93, 0.90))
    tongue = _inside((ax / 0.09).square() * 0.03 + (y - (line - gap_down) - 0.0) - 0.035) * smoothstep(0.3, 0.6, opened)
    color = _mix(color, mouth * tongue * 0.8, (0.78, 0.32, 0.34))
    # The fold from the nose to the corner of a smile.
    fold = _inside((ax - half - 0.055 - 0.5 * (y - MOUTH_Y - 0.02).clamp_min(0) * -0.35).abs() - 0.008, 0.016)
    fold = fold * smoothstep(-0.10, 0.02, y - MOUTH_Y) * smoothstep(0.20, 0.06, y - MOUTH_Y) * smile.clamp(0, 1) * 0.22
    color = color * (1 - fold * skin)
    return color, torch.maximum(0.55 * eye * skin, 0.22 * lips)


def paint_glasses(table, f: Tensor, x: Tensor, y: Tensor, z: Tensor, color: Tensor) -> None:
    """Composites glasses over `color` [K,3], in place.

    Rims, lenses and arms lie on one elliptic cylinder around the head's y axis, so they
    stay right from the front to full profile; both crossings of the ray are looked at.
    """
    worn = table.take(("glasses",), f)[0]
    some = (worn > 0).nonzero()[:, 0]
    if not len(some):
        return
    f, x, y, z, style = f[some], x[some], y[some], z[some], worn[some]
    names = tuple(f"turn{i}" for i in range(9)) + ("base0", "base1", "base2", "eye_spacing", "eye_size",
                                                   "glasses_color0", "glasses_color1", "glasses_color2")
    v = table.take(names, f)
    p = [v[i] * x + v[3 + i] * y + v[9 + i] for i in range(3)]
    d = v[6:9]
    spacing = v[12]
    rim_color = torch.stack(v[14:17], 1)
    rx, rz, mz = 0.80, 0.98, 0.0
    a = (d[0] / rx).square() + (d[2] / rz).square() + 1e-6
    b = p[0] * d[0] / rx**2 + (p[2] - mz) * d[2] / rz**2
    c = (p[0] / rx).square() + ((p[2] - mz) / rz).square() - 1
    disc = b * b - a * c
    root = disc.clamp_min(0).sqrt()
    result = color[some]
    for which in (-1.0, 1.0):  # far side first
        s = (-b + which * root) / a
        hx, hy, hz = p[0] + s * d[0], p[1] + s * d[1], p[2] + s * d[2]
        seen = (disc > 0) & (s > z - 0.004)
        ax = hx.abs()
        ex, ey = ax - 0.30 * spacing, hy - EYE_Y + 0.015
        circle = (ex * ex + ey * ey).sqrt() - 0.215
        box = torch.maximum((ex.abs() - 0.155).clamp_min(0), torch.zeros_like(ex)).square() + (ey.abs() - 0.085).clamp_min(0).square()
        box = box.sqrt() - 0.075
        oval = ((ex / 1.22).square() + (ey / 0.86).square()).sqrt() - 0.195
        lens = torch.where(style == 1, circle, torch.where(style == 2, box, oval))
        front = (hz > 0.1).float()
        rim = _inside(lens.abs() - 0.020) * front
        bridge = _inside(torch.maximum((ey - 0.045 + ax * ax * 2).abs() - 0.018, ax - 0.30 * spacing)) * (lens > 0) * (hz > 0.5) * (ax < 0.30 * spacing)
        arm = _inside((ey - 0.07).abs() - 0.020) * (ax > 0.45 * spacing) * (lens > 0) * (hz > -0.02)
        frame = torch.maximum(torch.maximum(rim, bridge), arm) * seen
        glass = _inside(lens) * front * seen
        glare = glass * (0.07 + 0.30 * _inside((ex + ey - 0.06).abs() - 0.02, 0.02) * (which > 0))
        result = result + glare[:, None] * (0.97 - result)
        sheen = 0.75 + 0.35 * smoothstep(-0.1, 0.15, ey)
        result = result + frame[:, None] * (rim_color * sheen[:, None] - result)
    color[some] = result
