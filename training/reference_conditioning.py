"""What Mv2ID adds to a Wan transformer, each part a switch (arXiv 2603.21299).

References are clean latents concatenated after the video on the frame axis, so the diffusers
``WanTransformer3DModel`` runs unchanged: only its rotary table and its timesteps differ.
"""

import torch
from torch import nn

SCHEMES = ("rd-rope", "vanilla", "tass")


def rope_positions(scheme: str, offset: int, num_frames: int, height: int, width: int, num_references: int):
    """(t, row, column) of every token: video first, then the references. -> LongTensor [S, 3]

    rd-rope: view i = 1..n shares the time T - 1 + offset and sits at rows y + i*H, columns x + i*W.
    vanilla: view k = 0..n-1 follows as frame T + k (Phantom). tass: all views at time T, shifted once by (H, W).
    """
    if scheme not in SCHEMES:
        raise ValueError(f"scheme must be one of {', '.join(SCHEMES)}, got {scheme}.")
    row, column = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    segments = [(t, 0, 0) for t in range(num_frames)]
    for i in range(1, num_references + 1):
        if scheme == "rd-rope":
            segments.append((num_frames - 1 + offset, i * height, i * width))
        elif scheme == "vanilla":
            segments.append((num_frames + i - 1, 0, 0))
        else:
            segments.append((num_frames, height, width))
    return torch.cat(
        [
            torch.stack([torch.full_like(row, t), row + shift_row, column + shift_column], dim=-1).view(-1, 3)
            for t, shift_row, shift_column in segments
        ]
    )


def rope_tables(positions: torch.Tensor, head_dim: int, theta: float = 10000.0):
    """cos and sin as diffusers keeps them, each value twice. positions [B, S, 3] -> two [B, S, 1, head_dim]"""
    spatial = 2 * (head_dim // 6)
    tables = []
    for axis, dim in enumerate((head_dim - 2 * spatial, spatial, spatial)):
        frequencies = theta ** (-torch.arange(0, dim, 2, dtype=torch.float64) / dim)
        tables.append(positions[..., axis, None].double() * frequencies)
    angles = torch.cat(tables, dim=-1).repeat_interleave(2, dim=-1)[:, :, None]
    return angles.cos().float(), angles.sin().float()


class ReferenceRotaryPosEmbed(nn.Module):
    """Takes the place of ``WanTransformer3DModel.rope``: the last ``num_references`` frames are references."""

    def __init__(self, head_dim: int, patch_size, scheme: str, offset: int):
        super().__init__()
        self.head_dim, self.patch_size, self.scheme, self.offset = head_dim, patch_size, scheme, offset
        self.num_references = 0
        self.kept_frames = None  # a training batch may hold some frames of longer clips
        self.num_frames = None

    def forward(self, hidden_states: torch.Tensor):
        _, _, frames, height, width = hidden_states.shape
        _, p_h, p_w = self.patch_size
        height, width = height // p_h, width // p_w
        num_frames = frames - self.num_references if self.kept_frames is None else self.num_frames
        positions = rope_positions(self.scheme, self.offset, num_frames, height, width, self.num_references)[None]
        if self.kept_frames is not None:
            area, kept = height * width, self.kept_frames.cpu()
            video = positions[0, : num_frames * area].view(num_frames, area, 3)[kept].flatten(1, 2)
            positions = torch.cat([video, positions[:, num_frames * area :].expand(len(kept), -1, -1)], dim=1)
        cos, sin = rope_tables(positions, self.head_dim)
        return cos.to(hidden_states.device), sin.to(hidden_states.device)


def condition(transformer, scheme: str, offset: int):
    """Make a diffusers Wan transformer take references; returns it."""
    config = transformer.config
    transformer.rope = ReferenceRotaryPosEmbed(config.attention_head_dim, config.patch_size, scheme, offset)
    return transformer


def predict_velocity(transformer, latents, references, timestep, text, reference_timestep: str, kept_frames=None, num_frames=None):
    """One call of the conditioned model.

    latents [B, C, T, h, w] noised video, references [B, C, n, h, w] clean or None, timestep [B] in 0..1000,
    text [B, L, text_dim] -> velocity [B, C, T, h, w]. Where latents are only frames kept_frames (LongTensor [B, T]) of
    clips of num_frames, tokens keep the positions that they have in the whole clip.
    """
    frames = latents.shape[2]
    n = 0 if references is None else references.shape[2]
    hidden_states = latents if n == 0 else torch.cat([latents, references], dim=2)
    transformer.rope.num_references = n
    transformer.rope.kept_frames, transformer.rope.num_frames = kept_frames, num_frames
    if n and reference_timestep == "zero":
        _, p_h, p_w = transformer.config.patch_size
        tokens = (latents.shape[3] // p_h) * (latents.shape[4] // p_w)
        video = timestep[:, None].expand(-1, frames * tokens)
        timestep = torch.cat([video, video.new_zeros(len(video), n * tokens)], dim=1)
    return transformer(hidden_states, timestep, text, return_dict=False)[0][:, :, :frames]


def region_mask(num: int, height: int, width: int, ratio: float, rows: int, generator: torch.Generator):
    """Square patches on a grid of ``rows`` rows; exactly ``ratio`` of the cells are 0, each mask drawn on its own.

    -> [num, 1, height, width] in {0, 1}; multiply references in [0, 1] with it to make the masked cells black.
    """
    side = height / rows
    columns = -(-width * rows // height)
    order = torch.rand(num, rows * columns, generator=generator).argsort(dim=1).argsort(dim=1)
    cells = (order >= round(ratio * rows * columns)).float().view(num, rows, columns)
    y = (torch.arange(height) / side).long()
    x = (torch.arange(width) / side).long()
    return cells[:, y][:, :, x][:, None]
