"""Renders heads: orthographic rays against a baked star-shaped surface and a few ellipsoids.

All rays are one flat list [M] with a frame number each; what a frame needs (pose, expression,
light) is a row of a table. Pass 1 takes one ray a pixel; pixels that differ from a neighbour are
taken again with 4 rays. Works the same on CPU and GPU; runs without gradients.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from .bake import MAP_HEIGHT, Atlas, bake, smoothstep
from .identity import HAIR_STYLES, Identities
from .motion import Motions
from .paint import paint_face, paint_glasses
from .primitives import primitives_of
from .scene import Scenes, studio_scenes

# The picture's height in head units, and the height of its middle.
VIEW_HEIGHT, VIEW_CENTER = 3.2, -0.13
PIVOT = (0.0, -0.55, -0.12)
FIRST_STEPS, MORE_STEPS = 6, (4, 5, 8, 9, 9)
EDGE_THRESHOLD = 0.08


@torch.no_grad()
def render(identities: Identities, motions: Motions, scenes: Scenes | None = None, size: int = 128,
           background: str = "scene", atlas: Atlas | None = None) -> Tensor:
    """[N,F,3,size,size] in [0,1]: clip i shows identity i moving as motions[i] in scene i.

    `background` "white" cuts the person (shirt included) out on pure white. `atlas` is
    bake(identities) when the caller already has it.
    """
    if background not in ("scene", "white"):
        raise ValueError(f"background must be 'scene' or 'white', got {background!r}.")
    device = identities.skull_width.device
    n, frames = motions.yaw.shape
    if len(identities) != n:
        raise ValueError(f"identities must be {n}, one a clip of motions, got {len(identities)}.")
    scenes = scenes or studio_scenes(n, device)
    atlas = atlas or bake(identities)
    table = _frame_table(identities, motions, scenes, atlas)
    pixels = size * size
    chunk = max(1, (1 << 17 if device.type == "cpu" else 1 << 24) // pixels)
    clip_of = torch.arange(n, device=device).repeat_interleave(frames)
    grid = torch.arange(size, device=device, dtype=torch.float)
    images = torch.empty(n * frames, 3, size, size, device=device)
    for start in range(0, n * frames, chunk):
        stop = min(n * frames, start + chunk)
        count = stop - start
        scene = scenes[clip_of[start:stop]]
        row, column = grid[:, None].expand(size, size), grid[None].expand(size, size)
        x, y = _ray(row.reshape(-1), column.reshape(-1), size)
        f = torch.arange(start, stop, device=device).repeat_interleave(pixels)
        behind = _background(scene, size, background, device)  # [count,3,S,S]
        image = behind.permute(0, 2, 3, 1).reshape(-1, 3).clone()
        covered, color = _shade(table, atlas, f, x.repeat(count), y.repeat(count), (slice(start, stop), x, y))
        image[covered] = color
        edges = _edges(image.view(count, size, size, 3)).reshape(-1).nonzero()[:, 0]
        if len(edges):
            where = edges % pixels
            r, c = grid[(where // size)], grid[(where % size)]
            offsets = torch.tensor([[-0.25, -0.25], [-0.25, 0.25], [0.25, -0.25], [0.25, 0.25]], device=device)
            rr = (r[None] + offsets[:, :1]).reshape(-1)
            cc = (c[None] + offsets[:, 1:]).reshape(-1)
            x4, y4 = _ray(rr, cc, size)
            rest = behind.permute(0, 2, 3, 1).reshape(-1, 3)[edges].repeat(4, 1)
            covered, color = _shade(table, atlas, f[edges].repeat(4), x4, y4)
            rest[covered] = color
            image[edges] = rest.view(4, -1, 3).mean(0)
        images[start:stop] = image.view(count, size, size, 3).permute(0, 3, 1, 2)
    return images.clamp_(0, 1).view(n, frames, 3, size, size)


def _ray(row: Tensor, column: Tensor, size: int):
    scale = VIEW_HEIGHT / size
    return (column + 0.5 - size / 2) * scale, VIEW_CENTER - (row + 0.5 - size / 2) * scale


def _background(scene: Scenes, size: int, kind: str, device) -> Tensor:
    if kind == "white":
        return torch.ones(len(scene), 3, size, size, device=device)
    v = torch.linspace(-1, 1, size, device=device)
    shade = -v[:, None] * 0.9 - 0.35 * v[None].square() + 0.1
    color = scene.background[:, :, None, None] + scene.background_gradient[:, :, None, None] * shade
    return (color * (0.6 + 0.4 * scene.light_color)[:, :, None, None]).clamp(0, 1)


def _edges(image: Tensor) -> Tensor:
    """Pixels [B,S,S] that differ from a neighbour."""
    edge = torch.zeros(image.shape[:3], dtype=torch.bool, device=image.device)
    across = (image[:, :, 1:] - image[:, :, :-1]).abs().amax(-1) > EDGE_THRESHOLD
    down = (image[:, 1:] - image[:, :-1]).abs().amax(-1) > EDGE_THRESHOLD
    edge[:, :, 1:] |= across
    edge[:, :, :-1] |= across
    edge[:, 1:] |= down
    edge[:, :-1] |= down
    return edge


def rotation(yaw: Tensor, pitch: Tensor, roll: Tensor) -> Tensor:
    """[...,3,3] head to camera. yaw > 0 turns the nose to the image's right, pitch > 0 up, roll > 0 clockwise in the image."""
    cy, sy = yaw.deg2rad().cos(), yaw.deg2rad().sin()
    cp, sp = pitch.deg2rad().cos(), pitch.deg2rad().sin()
    cr, sr = roll.deg2rad().cos(), roll.deg2rad().sin()
    zero, one = torch.zeros_like(cy), torch.ones_like(cy)
    mat = lambda rows: torch.stack([torch.stack(r, -1) for r in rows], -2)
    turn = mat([[cy, zero, sy], [zero, one, zero], [-sy, zero, cy]])
    nod = mat([[one, zero, zero], [zero, cp, sp], [zero, -sp, cp]])
    lean = mat([[cr, sr, zero], [-sr, cr, zero], [zero, zero, one]])
    return lean @ turn @ nod


class FrameTable:
    """Columns of numbers a frame: `take` gathers named columns for a flat list of rays."""

    def __init__(self):
        self.columns: dict[str, Tensor] = {}
        self.packed: dict[tuple, Tensor] = {}

    def add(self, name: str, value: Tensor):
        if value.dim() == 1:
            self.columns[name] = value.float()
        else:
            for i, column in enumerate(value.reshape(value.shape[0], -1).unbind(1)):
                self.columns[f"{name}{i}"] = column.float()

    def take(self, names: tuple, f: Tensor | slice):
        if names not in self.packed:
            self.packed[names] = torch.stack([self.columns[n] for n in names])
        packed = self.packed[names]
        return (packed[:, f, None] if isinstance(f, slice) else packed.index_select(1, f)).unbind(0)


def _names(**counts) -> tuple:
    return tuple(name if k == 0 else f"{name}{i}" for name, k in counts.items() for i in range(max(k, 1)))


FACE_FIELDS = ("eye_size", "eye_spacing", "eye_tilt", "brow_thickness", "brow_angle", "brow_height",
               "mouth_width", "lip_fullness", "glasses")
FACE_COLORS = ("eye_color", "brow_color", "lip_color", "skin", "glasses_color")


def _frame_table(identities: Identities, motions: Motions, scenes: Scenes, atlas: Atlas) -> FrameTable:
    n, frames = motions.yaw.shape
    device = motions.yaw.device
    table = FrameTable()
    spread = lambda value: value.repeat_interleave(frames, 0)
    flat = lambda value: value.reshape(-1)
    turn = rotation(flat(motions.yaw), flat(motions.pitch), flat(motions.roll))  # [B,3,3]
    pivot = torch.tensor(PIVOT, device=device)
    # The head turns about the neck; for yaw the axis passes through the head's own middle.
    shift = pivot - turn @ pivot
    shift = shift + 0.05 * torch.stack([-flat(motions.yaw).deg2rad().sin(), 0 * shift[:, 1], 0 * shift[:, 2]], -1)
    table.add("turn", turn)
    table.add("base", -(turn.transpose(1, 2) @ shift[..., None])[..., 0])
    slots = torch.arange(n, device=device)
    rows = n * MAP_HEIGHT
    # Row of the atlas, normalised for grid_sample with align_corners: offset + scale * v.
    middle = slots * MAP_HEIGHT + (MAP_HEIGHT - 1) / 2
    table.add("row", spread((2 * middle.double() / (rows - 1) - 1).float()))
    table.row_scale = -(MAP_HEIGHT - 1) / (rows - 1)
    hanging = (identities.hair_style == HAIR_STYLES.index("bob")) | (identities.hair_style == HAIR_STYLES.index("long"))
    table.add("step_limit", spread(torch.where(hanging, 0.11, 10.0)))
    table.add("bound", spread(atlas.bound) + 0.06)
    for name in ("mouth_open", "smile", "blink", "brow", "gaze_x", "gaze_y"):
        table.add(name, flat(getattr(motions, name)))
    for name in FACE_FIELDS + FACE_COLORS:
        table.add(name, spread(getattr(identities, name)))
    for name in ("light_color", "light_direction", "ambient"):
        table.add(name, spread(getattr(scenes, name)))
    half = scenes.light_direction + torch.tensor([0.0, 0.0, 1.0], device=device)
    table.add("half", spread(half / half.norm(dim=-1, keepdim=True)))
    table.prims = primitives_of(identities, scenes, turn, shift, flat(motions.yaw), frames)
    return table


def _shade(table: FrameTable, atlas: Atlas, f: Tensor, x: Tensor, y: Tensor, whole: tuple | None = None):
    """Colours of rays: the indices (into f) that hit the person, and their colours [K,3].

    `whole` = (slice of frames, x, y) when the rays are the same for every frame: saves gathering.
    """
    head_z, q = _march(table, atlas, f, *(whole or (f, x, y)))
    depth, which = table.prims.intersect(*(whole or (f, x, y)))
    on_head = head_z > depth
    depth = torch.maximum(head_z, depth)
    hit = (depth > -1e3).nonzero()[:, 0]
    on_head, which = on_head[hit], which[hit]
    fh, xh, yh, zh = f[hit], x[hit], y[hit], depth[hit]
    color = torch.empty(len(hit), 3, device=x.device)
    normal = torch.empty(len(hit), 3, device=x.device)
    gloss = torch.empty(len(hit), device=x.device)

    a = on_head.nonzero()[:, 0]
    if len(a):
        c, nrm, g = _head_surface(table, atlas, fh[a], q[:, hit[a]])
        color[a], normal[a], gloss[a] = c, nrm, g
    b = (~on_head).nonzero()[:, 0]
    if len(b):
        c, nrm, g = table.prims.surface(fh[b], which[b], xh[b], yh[b], zh[b])
        color[b], normal[b], gloss[b] = c, nrm, g

    # Light: wrapped diffuse, a sky term, a soft highlight, a faint rim.
    lx, ly, lz, cr, cg, cb, ambient, hx, hy, hz = table.take(
        _names(light_direction=3, light_color=3, ambient=0, half=3), fh)
    nx, ny, nz = normal.unbind(1)
    diffuse = ((nx * lx + ny * ly + nz * lz) * 0.74 + 0.26).clamp_min(0)
    diffuse = diffuse * (1.02 - ambient) * 1.32
    sky = ambient * (0.90 + 0.18 * ny)
    highlight = (nx * hx + ny * hy + nz * hz).clamp(0, 1)
    highlight = highlight.square().square()
    highlight = highlight.square().square() * gloss
    rim = (1 - nz.clamp(0, 1))
    rim = rim.square() * rim * 0.10
    light = torch.stack([cr, cg, cb], 1)
    # The shadow side of skin is redder.
    warm = torch.stack([sky * 1.05, sky * 0.98, sky * 0.97], 1)
    color = color * (diffuse[:, None] * light + warm + rim[:, None]) + highlight[:, None] * light
    glassed = table.columns["glasses"]
    if bool((glassed > 0).any()):
        paint_glasses(table, fh, xh, yh, zh, color)
    return hit, color


def _head_point(table: FrameTable, f: Tensor, x: Tensor, y: Tensor):
    """p0 (three [M]) with z = 0 in camera space, and the direction of +z, both in head space."""
    t = table.take(_names(turn=9, base=3), f)
    p0 = [t[i] * x + t[3 + i] * y + t[9 + i] for i in range(3)]
    return p0, t[6:9]


def _march(table: FrameTable, atlas: Atlas, f: Tensor, frames: Tensor | slice, x: Tensor, y: Tensor):
    """Camera depth of the head surface (-1e4: missed) and the surface point [3,M] in the unbent head space."""
    (px, py, pz), (dx, dy, dz) = _head_point(table, frames, x, y)
    (bound,) = table.take(("bound",), frames)
    zc = -(px * dx + py * dy + pz * dz)
    qx, qy, qz = px + zc * dx, py + zc * dy, pz + zc * dz
    b2 = qx * qx + qy * qy + qz * qz
    depth = torch.full((len(f),), -1e4, device=x.device)
    points = torch.zeros(3, len(f), device=x.device)
    active = (b2 < bound * bound).reshape(-1).nonzero()[:, 0]
    if not len(active):
        return depth, points
    zc_all = zc.reshape(-1)
    qx, qy, qz, b2 = (v.reshape(-1)[active] for v in (qx, qy, qz, b2))
    dx, dy, dz, bound, row, mouth, limit = table.take(
        ("turn6", "turn7", "turn8", "bound", "row", "mouth_open", "step_limit"), f[active])
    state = [limit, row, mouth * 0.14, qx, qy, qz, dx, dy, dz, b2, (bound * bound - b2).sqrt()]
    state += [torch.full_like(b2, -1e4), state[-1]]
    # All rays take the first steps; those still on their way take more.
    pending = active
    for steps in (FIRST_STEPS, *MORE_STEPS):
        *ray, w, low, high = state
        w, low, high = _steps(table, atlas, ray, w, low, high, steps)
        gap, p = _gap(table, atlas, *ray[1:], w)
        settled = gap.abs() < 0.012
        found = settled | (low > -1e3)
        depth[pending] = torch.where(found, zc_all[pending] + w, torch.full_like(w, -1e4))
        points[:, pending] = torch.stack(p)
        rest = (~settled & (w > -1.8) & ((low < -1e3) | (high - low > 0.01))).nonzero()[:, 0]
        if not len(rest):
            break
        pending = pending[rest]
        state = [v[rest] for v in (*ray, w, low, high)]
    return depth, points


def _steps(table, atlas, ray, w, low, high, steps: int):
    """Relaxed sphere tracing; once a step has gone inside, the crossing is bracketed by [low, high],
    and steep walls (hair edges) are closed in on by halving."""
    for step in range(steps):
        gap, _ = _gap(table, atlas, *ray[1:], w)
        inside = gap < 0
        low, high = torch.where(inside, w, low), torch.where(inside, high, w)
        # Outside, never creep (a grazing ray must come past the cheek to the hair behind) and
        # never leap through a thin curtain of hair.
        leap = torch.minimum(gap * (0.85 if step < 3 else 0.75), ray[0]).clamp_min(0.024)
        w = w - torch.where(inside, gap * 0.75, leap)
        escaped = (w < low) | (w > high)
        if step % 3 == 2:
            escaped |= True
        escaped &= high - low < 1.5
        w = torch.where(escaped, 0.5 * (low + high), w)
    return w, low, high


def _gap(table, atlas, row, drop, qx, qy, qz, dx, dy, dz, b2, w):
    """Distance of the ray's points from the surface along their radius, and the unbent points."""
    px = torch.addcmul(qx, dx, w)
    py = torch.addcmul(qy, dy, w)
    pz = torch.addcmul(qz, dz, w)
    n = torch.addcmul(b2, w, w).sqrt_()
    py = _unbend(py, pz, drop)
    grid = _uv(px, py, pz, row, table.row_scale)
    radius = torch.nn.functional.grid_sample(atlas.radius, grid, align_corners=True, padding_mode="border")[0, 0, 0]
    return n - radius, (px, py, pz)


def _unbend(py: Tensor, pz: Tensor, drop: Tensor) -> Tensor:
    """Undoes the fall of the open jaw: points below the mouth in front come from a little higher."""
    below = (-0.56 - py).clamp_(0, 0.55)
    return torch.addcmul(py, below * drop, (pz * 2.0).clamp_(0, 1))


def _uv(px, py, pz, row, row_scale) -> Tensor:
    rho = torch.addcmul(px * px, pz, pz).sqrt_()
    v = py / (py.abs() + rho + 1e-6)
    a = px / (px.abs() + pz.abs() + 1e-6)
    u = torch.where(pz < 0, torch.copysign(1 - 0.5 * a.abs(), px), 0.5 * a)
    return torch.stack([u, torch.add(row, v, alpha=row_scale)], -1)[None, None]


def _head_surface(table: FrameTable, atlas: Atlas, f: Tensor, p: Tensor):
    """Albedo [K,3], camera-space normal [K,3] and gloss [K] at head points p [3,K]."""
    row = table.take(("row",), f)[0]
    grid = _uv(p[0], p[1], p[2], row, table.row_scale)
    texture = torch.nn.functional.grid_sample(atlas.texture, grid, align_corners=True, padding_mode="border")[0, :, 0]
    albedo, occlusion, hair = texture[:3], texture[6], texture[7]
    gloss = 0.13 + 0.10 * hair
    face = ((p[2] > 0.2) & (p[1] < 0.55) & (p[1] > -0.95) & (p[0].abs() < 0.66) & (hair < 0.98)).nonzero()[:, 0]
    if len(face):
        painted, shine = paint_face(table, f[face], p[:, face], albedo[:, face], hair[face])
        albedo[:, face] = painted
        gloss[face] = torch.maximum(gloss[face], shine)
    t = table.take(_names(turn=9), f)
    n = texture[3:6]
    normal = torch.stack([t[3 * i] * n[0] + t[3 * i + 1] * n[1] + t[3 * i + 2] * n[2] for i in range(3)], 1)
    normal = normal / normal.norm(dim=1, keepdim=True).clamp_min(1e-6)
    return (albedo * occlusion).t(), normal, gloss
