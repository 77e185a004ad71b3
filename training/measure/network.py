"""One small convolutional network with three answers about a picture of a head: who, at which pose, with which traits in view.

Pictures are [N, 3, S, S] in [-1, 1] of any S; they are brought to SIZE, so that small and large models are measured alike.
"""

import json
import math
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F

from training.measure.people import TRAITS

SIZE = 96


class Block(nn.Module):
    def __init__(self, width_in: int, width: int, stride: int):
        super().__init__()
        self.first = nn.Sequential(
            nn.Conv2d(width_in, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(),
            nn.Conv2d(width, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width),
        )  # fmt: skip
        same = width_in == width and stride == 1
        self.skip = nn.Identity() if same else nn.Sequential(
            nn.Conv2d(width_in, width, 1, stride, bias=False), nn.BatchNorm2d(width)
        )  # fmt: skip

    def forward(self, x):
        return F.relu(self.first(x) + self.skip(x))


class FaceNetwork(nn.Module):
    """-> who [N, E] of length 1; pose [N, 3] in degrees (yaw, pitch, roll); traits [N, len(TRAITS)] logits of being in view.

    A trait may be four pixels of a cheek: a shallow tower of its own looks for it everywhere, at a quarter of the resolution.
    """

    def __init__(self, widths, blocks, embedding: int, trait_widths=(32, 48, 64)):
        super().__init__()
        layers, width_in = [nn.Conv2d(3, widths[0], 3, 2, 1, bias=False), nn.BatchNorm2d(widths[0]), nn.ReLU()], widths[0]
        for stage, (width, count) in enumerate(zip(widths, blocks)):
            for index in range(count):
                layers.append(Block(width_in, width, 2 if index == 0 and stage > 0 else 1))
                width_in = width
        self.features = nn.Sequential(*layers)
        flat = widths[-1] * (SIZE // 2 ** len(widths)) ** 2
        # A side is a place in the picture: pooling would lose it.
        self.who = nn.Sequential(nn.Dropout(0.2), nn.Linear(flat, embedding), nn.BatchNorm1d(embedding, affine=False))
        self.pose = nn.Sequential(nn.Linear(flat, 192), nn.ReLU(), nn.Linear(192, 4))
        first, second, third = trait_widths
        self.traits = nn.Sequential(
            nn.Conv2d(3, first, 3, 2, 1, bias=False), nn.BatchNorm2d(first), nn.ReLU(),
            Block(first, first, 1), Block(first, second, 2), Block(second, third, 1), nn.Conv2d(third, len(TRAITS), 1),
        )  # fmt: skip
        nn.init.constant_(self.traits[-1].bias, -8.0)  # the sum over all places begins near even odds

    def forward(self, images: Tensor):
        images = at_size(images).to(memory_format=torch.channels_last)
        features = self.features(images).flatten(1)
        who, pose = F.normalize(self.who(features).float(), dim=1), self.pose(features).float()
        yaw = torch.atan2(pose[:, 0], pose[:, 1]).rad2deg()
        return who, torch.stack([yaw, pose[:, 2] * 45, pose[:, 3] * 45], 1), self.seen(images)

    def seen(self, images: Tensor) -> Tensor:
        """images [N, 3, SIZE, SIZE] -> logits [N, len(TRAITS)]: somewhere is enough."""
        return self.traits(images).float().flatten(2).logsumexp(2)


def at_size(images: Tensor) -> Tensor:
    if images.shape[-1] == SIZE:
        return images
    return F.interpolate(images, size=(SIZE, SIZE), mode="bilinear", antialias=True, align_corners=False)


def pose_loss(pose: Tensor, truth: Tensor) -> Tensor:
    """Smooth L1 of the angles, in units of 10 degrees."""
    return F.smooth_l1_loss(pose / 10, truth / 10, beta=0.2)


class ArcFace(nn.Module):
    """Additive angular margin (Deng et al., arXiv 1801.07698). who [N, E] of length 1, labels [N] -> loss"""

    def __init__(self, num_people: int, embedding: int, margin: float, scale: float):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(num_people, embedding) * 0.05)
        self.margin, self.scale = margin, scale

    def forward(self, who: Tensor, labels: Tensor) -> Tensor:
        cosine = (who @ F.normalize(self.weight, dim=1).T).clamp(-1 + 1e-6, 1 - 1e-6)
        own = cosine.gather(1, labels[:, None])
        pushed = torch.cos(torch.acos(own) + self.margin)
        # Past pi - margin the angle would come round: there, the plain penalty of CosFace keeps the order.
        pushed = torch.where(own > -math.cos(self.margin), pushed, own - self.margin * math.sin(self.margin))
        return F.cross_entropy(cosine.scatter(1, labels[:, None], pushed) * self.scale, labels)


def save_network(network: FaceNetwork, settings, path):
    state = {name: (value.half() if value.is_floating_point() else value).contiguous() for name, value in network.state_dict().items()}
    save_file(state, path, {"network": json.dumps(settings)})


def load_network(path) -> FaceNetwork:
    """Ready to measure with."""
    settings = json.loads(safe_open(path, "pt").metadata()["network"])
    network = FaceNetwork(**settings)
    network.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in load_file(Path(path)).items()})
    return network.eval().requires_grad_(False).to(memory_format=torch.channels_last)
