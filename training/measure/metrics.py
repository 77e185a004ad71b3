"""The figures, each of one kind of evidence. Similarities are cosines of the network's `who`; angles are degrees."""

import torch
from torch import Tensor
from torch.nn import functional as F

# A frame this far from every given reference must not look like one.
AWAY_DEGREES = 20.0
# Shifts that count as the same picture, in pixels of 64.
SHIFTS = range(-4, 5, 2)


def similarity_to_references(who: Tensor, references: Tensor) -> tuple[Tensor, Tensor]:
    """MvRC of every frame (arXiv 2603.21299): the mean over the given references; and the largest. who [N, F, E], [N, R, E]"""
    similarity = who @ references.transpose(1, 2)
    return similarity.mean(2), similarity.amax(2)


def top1(who: Tensor, gallery: Tensor, gallery_yaws: Tensor, yaw: Tensor) -> Tensor:
    """Is the right one of the N people the most similar, everybody seen at the angle nearest to the asked one? -> bool [N, F]"""
    nearest = (yaw[..., None] - gallery_yaws).abs().argmin(-1)
    hits = torch.zeros_like(nearest, dtype=torch.bool)
    for i in range(len(who)):
        scores = torch.einsum("fe,mfe->fm", who[i], gallery[:, nearest[i]])
        hits[i] = scores.argmax(1) == i
    return hits


def closeness_to_reference(frames: Tensor, references: Tensor) -> Tensor:
    """How nearly a frame is a copy of a reference, moved and lit a little: the largest correlation over references and shifts.

    Grey pictures of 64 pixels; only the person counts, who stands on white in the reference. uint8 [N, F, 3, S, S],
    [N, R, 3, S, S] -> [N, F] in -1..1. Lighting and background gain nothing: a correlation ignores brightness and contrast.
    """
    grey = lambda x: F.interpolate(x.flatten(0, 1).float().mean(1, keepdim=True), size=(64, 64), mode="area").view(*x.shape[:2], 64, 64)
    frames, views = grey(frames), grey(references)
    person = (views < 250).float()
    best = torch.full(frames.shape[:2], -1.0)
    for down in SHIFTS:
        for right in SHIFTS:
            moved = frames.roll((down, right), (2, 3))
            for r in range(views.shape[1]):
                weight = person[:, r : r + 1] / person[:, r : r + 1].sum((2, 3), keepdim=True).clamp_min(1)
                best = torch.maximum(best, correlation(moved, views[:, r : r + 1], weight))
    return best


def correlation(a: Tensor, b: Tensor, weight: Tensor) -> Tensor:
    """Weighted, over the last two dimensions."""
    mean = lambda x: (x * weight).sum((-2, -1), keepdim=True)
    a, b = a - mean(a), b - mean(b)
    return ((a * b * weight).sum((-2, -1)) / ((a * a * weight).sum((-2, -1)) * (b * b * weight).sum((-2, -1))).clamp_min(1e-6).sqrt())


def away_from(yaw: Tensor, reference_yaws: Tensor, degrees: float = AWAY_DEGREES) -> Tensor:
    """bool [N, F]: no given reference is that near. yaw [N, F], reference_yaws [N, R]"""
    return (yaw[..., None] - reference_yaws[:, None]).abs().amin(2) >= degrees


def pull_to_references(yaw: Tensor, asked: Tensor, reference_yaws: Tensor) -> Tensor:
    """How many degrees nearer to the nearest reference the head stands than it was asked to; 0 is no copying. [N, F]"""
    distance = lambda x: (x[..., None] - reference_yaws[:, None]).abs().amin(2)
    return distance(asked) - distance(yaw)


def jerk(angle: Tensor, fps: float) -> Tensor:
    """Mean size of the third derivative of an angle over a clip, degrees / s^3. [N, F] -> [N]"""
    return angle.diff(n=3, dim=1).abs().mean(1) * fps**3


def jumps(angle: Tensor, asked: Tensor) -> Tensor:
    """Share of steps that turn over 15 degrees more than asked. [N, F] -> [N]"""
    return ((angle.diff(dim=1) - asked.diff(dim=1)).abs() > 15).float().mean(1)


def flicker(frames: Tensor) -> Tensor:
    """Mean size of the second difference of pixels over time, in 0..255. uint8 [N, F, 3, S, S] -> [N]"""
    return frames.float().diff(n=2, dim=1).abs().mean((1, 2, 3, 4))


def kernel_distance(a: Tensor, b: Tensor, people: Tensor) -> float:
    """Squared MMD with KID's cubic kernel (Binkowski et al., arXiv 1801.01401), of features [N, D] of the same people, [N].

    Pairs of one person count nowhere: frames of a clip are no independent samples, and a clip and its truth none either. So two
    equal sets are exactly 0 apart.
    """
    apart = people[:, None] != people[None]
    mean = lambda x, y: ((x @ y.T / x.shape[1] + 1) ** 3)[apart].mean()
    return float(mean(a, a) + mean(b, b) - 2 * mean(a, b))
