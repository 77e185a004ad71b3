"""The parts that are not on the star-shaped head: ears, earring, bun, neck, torso, as ellipsoids.

Rays run along the camera's z, so each ellipsoid is a quadratic in z with coefficients per frame.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .bake import smoothstep
from .identity import Identities
from .scene import Scenes

EAR_LEFT, EAR_RIGHT, EARRING, BUN_A, BUN_B, NECK, TORSO = range(7)
COUNT = 7


class Primitives:
    """`intersect` finds the nearest ellipsoid of a ray, `surface` shades it."""

    def __init__(self, center, quadric, frame, color, present):
        # center [B,P,3], quadric [B,P,3,3] camera space, frame [B,P,3,3] rows = local axes over radii, color [B,P,3]
        self.present = present
        self.geometry = torch.stack([
            center[..., 0], center[..., 1], center[..., 2],
            quadric[..., 0, 0], quadric[..., 0, 1], quadric[..., 0, 2],
            quadric[..., 1, 1], quadric[..., 1, 2], quadric[..., 2, 2]], 0).contiguous()  # [9,B,P]
        self.local = torch.cat([frame.reshape(*frame.shape[:2], 9), color], -1).permute(2, 0, 1).contiguous()  # [12,B,P]

    def intersect(self, f: Tensor | slice, x: Tensor, y: Tensor):
        """Largest camera z of any ellipsoid (-1e4: none) and which ellipsoid it is, flat.

        `f` is the frame of each ray, or a slice of frames that all have the rays x, y.
        """
        shape = (f.stop - f.start, len(x)) if isinstance(f, slice) else x.shape
        depth = torch.full(shape, -1e4, device=x.device)
        which = torch.zeros(shape, dtype=torch.long, device=x.device)
        for k in range(COUNT):
            if not self.present[k]:
                continue
            geometry = self.geometry[:, :, k]
            geometry = geometry[:, f, None] if isinstance(f, slice) else geometry.index_select(1, f)
            cx, cy, cz, xx, xy, xz, yy, yz, zz = geometry.unbind(0)
            dx, dy = x - cx, y - cy
            b = xz * dx + yz * dy
            c = xx * dx * dx + 2 * xy * dx * dy + yy * dy * dy - 1
            disc = b * b - zz * c
            z = torch.where(disc > 0, cz + (disc.clamp_min(0).sqrt() - b) / zz, torch.full_like(depth, -1e4))
            nearer = z > depth
            depth = torch.where(nearer, z, depth)
            which = torch.where(nearer, k, which)
        return depth.reshape(-1), which.reshape(-1)

    def surface(self, f: Tensor, which: Tensor, x: Tensor, y: Tensor, z: Tensor):
        """Albedo [K,3], normal [K,3], gloss [K]."""
        index = f * COUNT + which
        cx, cy, cz, xx, xy, xz, yy, yz, zz = self.geometry.flatten(1).index_select(1, index).unbind(0)
        dx, dy, dz = x - cx, y - cy, z - cz
        normal = torch.stack([xx * dx + xy * dy + xz * dz, xy * dx + yy * dy + yz * dz, xz * dx + yz * dy + zz * dz], 1)
        normal = normal / normal.norm(dim=1, keepdim=True).clamp_min(1e-6)
        values = self.local.flatten(1).index_select(1, index)
        color = values[9:12]
        l0, l1, l2 = (values[3 * i] * dx + values[3 * i + 1] * dy + values[3 * i + 2] * dz for i in range(3))
        # Ear: a darker bowl inside the rim (local axis 1 up, 2 forward; rim at radius 1).
        ear = which <= EAR_RIGHT
        ring = ((l1 - 0.05) / 0.72).square() + ((l2 + 0.02) / 0.62).square()
        bowl = smoothstep(1.0, 0.45, ring) * 0.36 + 0.16 * smoothstep(0.35, 0.05, ((l1 + 0.15) / 0.9).square() + ((l2 - 0.2) / 0.6).square())
        shade = torch.where(ear, 1 - bowl, torch.ones_like(bowl))
        # Neck: the head's shadow on its upper part. Torso: skin inside the collar comes from the neck itself.
        neck = which == NECK
        shade = torch.where(neck, 0.58 + 0.42 * smoothstep(-0.85, -1.28, y), shade)
        torso = which == TORSO
        collar = (x / 0.50).square() + ((y + 1.25) / 0.16).square()
        line = smoothstep(0.98, 1.02, collar) * smoothstep(1.5, 1.4, collar)
        shade = torch.where(torso, (1 - 0.16 * line) * (0.80 + 0.20 * smoothstep(0.2, 0.8, x.abs())), shade)
        hairy = (which == BUN_A) | (which == BUN_B)
        strands = 0.88 + 0.16 * torch.sin(l0.abs() * 5 + 3 * l2) * torch.sin(l2 * 7 + l1 * 3)
        shade = torch.where(hairy, strands, shade)
        gloss = torch.where(which == EARRING, 0.8, torch.where(hairy, 0.2, torch.where(torso, 0.02, 0.08)))
        return (color * shade).t(), normal, gloss


def primitives_of(identities: Identities, scenes: Scenes, turn: Tensor, shift: Tensor, yaw: Tensor, frames: int) -> Primitives:
    """All ellipsoids of B = N * frames frames. `turn` [B,3,3] and `shift` [B,3] take the head to the camera."""
    n = len(identities)
    device = turn.device
    batch = turn.shape[0]
    spread = lambda value: value.repeat_interleave(frames, 0)
    field = lambda name: spread(getattr(identities, name))
    zeros = torch.zeros(batch, device=device)
    ones = zeros + 1
    vec = lambda *values: torch.stack([v if isinstance(v, Tensor) else ones * v for v in values], -1)
    style = field("hair_style")
    centers, radii, axes, colors, present = [], [], [], [], []

    def add(center, radius, axis, color, here=None):
        here = ones.bool() if here is None else here
        # Absent parts are put far away.
        centers.append(torch.where(here[:, None], center, vec(0.0, -50.0, 0.0)))
        radii.append(radius)
        axes.append(axis)
        colors.append(color)
        present.append(bool(here.any()))

    def head(center):
        return (turn @ center[..., None])[..., 0] + shift

    # Ears: thin, turned a little away from the head (local axes: out, up, forward).
    size, out = field("ear_size"), 0.22 + 0.30 * field("ear_out")
    side_x = 0.715 * field("skull_width")
    ear_color = field("skin") * torch.tensor([1.0, 0.93, 0.92], device=device)
    covered = (style == 5) | (style == 6)
    for sign in (1.0, -1.0):
        c, s = out.cos(), out.sin()
        axis = torch.stack([vec(sign * c, 0.0, s), vec(0.0, 0.985, -0.17), vec(-sign * s, 0.17, c)], 1)
        center = vec(sign * (side_x + 0.045 + 0.05 * field("ear_out")), -0.10, -0.06)
        add(head(center), vec(0.055, 0.215 * size, 0.135 * size), axis @ turn.transpose(1, 2), ear_color, ~covered)
    side = field("earring_side")
    center = vec(side * (side_x + 0.075 + 0.05 * field("ear_out")), -0.14 - 0.25 * size, 0.01)
    add(head(center), vec(0.085, 0.100, 0.085), turn.transpose(1, 2), field("earring_color"), side != 0)

    # Bun on top; ponytail at one side; pigtails at both.
    hair, volume = field("hair_color") * 0.92, field("hair_volume")
    is_bun, is_pony, is_pig = style == 7, style == 9, style == 13
    part = field("parting_side")
    tail = torch.where(is_pony, part, ones)
    center = torch.where(is_bun[:, None], vec(0.0, 1.10, -0.30),
                         torch.where(is_pony[:, None], vec(0.66 * part, -0.35, -0.62), vec(0.86, -0.40, -0.30)))
    radius = torch.where(is_bun[:, None], vec(0.32 * volume, 0.28 * volume, 0.32 * volume), vec(0.19 * volume, 0.52, 0.20 * volume))
    lean = torch.where(is_bun, zeros, 0.25 * tail)
    axis = torch.stack([vec(lean.cos(), lean.sin(), 0.0), vec(-lean.sin(), lean.cos(), 0.0), vec(0.0, 0.0, 1.0)], 1)
    add(head(center), radius, axis @ turn.transpose(1, 2), hair, is_bun | is_pony | is_pig)
    mirror = torch.tensor([-1.0, 1.0, 1.0], device=device)
    axis = torch.stack([vec(lean.cos(), -lean.sin(), 0.0), vec(lean.sin(), lean.cos(), 0.0), vec(0.0, 0.0, 1.0)], 1)
    add(head(center * mirror), radius, axis @ turn.transpose(1, 2), hair, is_pig)

    # Neck and torso stay; the torso follows a third of the turn.
    eye = torch.eye(3, device=device).expand(batch, 3, 3)
    width = field("neck_width")
    add(vec(0.0, -1.15, -0.16), vec(0.37 * width, 0.95, 0.38 * width), eye, field("skin") * 0.95)
    angle = (yaw * 0.35).deg2rad()
    axis = torch.stack([vec(angle.cos(), 0.0, -angle.sin()), vec(0.0, 1.0, 0.0), vec(angle.sin(), 0.0, angle.cos())], 1)
    add(vec(0.0, -2.02, -0.20), vec(1.32 * field("shoulder_width"), 0.78, 0.62), axis, spread(scenes.shirt))

    center, radius, axis, color = torch.stack(centers, 1), torch.stack(radii, 1), torch.stack(axes, 1), torch.stack(colors, 1)
    frame = axis / radius[..., None]
    return Primitives(center, frame.transpose(-1, -2) @ frame, frame, color, present)
