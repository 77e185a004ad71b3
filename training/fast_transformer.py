"""The conditioned transformer, computed with less: what stage 4 and sampling call instead of `predict_velocity`.

Same weights, same result (training/tests/test_fast_transformer.py). The plain way gives every token a timestep and so a
modulation of its own, [B, S, 6, D] read and written in every block, where there are two of them: the video's and the
references'. On a CPU, pairs are rotated by one small product rather than strided copies, and the softmax is written out,
because PyTorch's fused attention is slow there in its backward pass, and its plain one looks for masked rows.
"""

from types import MethodType

import torch
from torch.nn.functional import softmax


def make_fast(transformer, cpu: bool):
    """Prepares a transformer that `condition` has prepared; returns it. Other callers' use of it does not change."""
    for block in transformer.blocks:
        block.forward = MethodType(block_forward, block)
    if cpu:
        transformer.set_attn_processor(CpuAttention())
    return transformer


def predict_velocity_fast(transformer, latents, references, timestep, text, reference_timestep: str, kept_frames=None, num_frames=None):
    """As `reference_conditioning.predict_velocity`."""
    frames = latents.shape[2]
    n = 0 if references is None else references.shape[2]
    rope = transformer.rope
    rope.num_references, rope.kept_frames, rope.num_frames = n, kept_frames, num_frames
    tokens = latents if n == 0 else torch.cat([latents, references], dim=2)
    rotary = rope(tokens)
    tokens = transformer.patch_embedding(tokens).flatten(2).transpose(1, 2).contiguous()
    _, p_h, p_w = transformer.config.patch_size
    height, width = latents.shape[3] // p_h, latents.shape[4] // p_w
    video = frames * height * width

    # Segments of tokens that share a timestep: the video, and clean references where they have one of their own.
    two = n > 0 and reference_timestep == "zero"
    times = torch.stack([timestep, torch.zeros_like(timestep)], 1) if two else timestep[:, None]
    embedder = transformer.condition_embedder
    temb, modulation, text, _ = embedder(times.flatten(), text, None, timestep_seq_len=times.shape[1])
    modulation = modulation.unflatten(2, (6, -1))
    for block in transformer.blocks:
        if torch.is_grad_enabled() and transformer.gradient_checkpointing:
            tokens = transformer._gradient_checkpointing_func(block, tokens, text, modulation, rotary, video)
        else:
            tokens = block(tokens, text, modulation, rotary, video)

    shift, scale = (transformer.scale_shift_table + temb[:, 0, None]).chunk(2, dim=1)
    tokens = tokens[:, :video]
    tokens = transformer.proj_out((transformer.norm_out(tokens.float()) * (1 + scale) + shift).type_as(tokens))
    patches = tokens.unflatten(1, (frames, height, width)).unflatten(-1, (p_h, p_w, -1))
    return patches.permute(0, 6, 1, 2, 4, 3, 5).flatten(5, 6).flatten(3, 4)


def block_forward(self, tokens, text, modulation, rotary, video: int):
    """WanTransformerBlock.forward where modulation [B, 1 or 2, 6, D] is of all tokens, or of the first `video` and the rest."""
    shift, scale, gate, c_shift, c_scale, c_gate = (self.scale_shift_table[None] + modulation.float()).unbind(2)
    normed = modulate(self.norm1(tokens.float()), scale, shift, video).type_as(tokens)
    tokens = add_gated(tokens, self.attn1(normed, None, None, rotary), gate, video)
    tokens = tokens + self.attn2(self.norm2(tokens.float()).type_as(tokens), text, None, None)
    normed = modulate(self.norm3(tokens.float()), c_scale, c_shift, video).type_as(tokens)
    return add_gated(tokens, self.ffn(normed), c_gate, video)


def modulate(x, scale, shift, video: int):
    """x [B, S, D] -> x * (1 + scale) + shift, with scale and shift [B, 1 or 2, D] of the segments."""
    parts = x.split([video, x.shape[1] - video], 1) if scale.shape[1] == 2 else (x,)
    return torch.cat([part * (1 + scale[:, i, None]) + shift[:, i, None] for i, part in enumerate(parts)], 1)


def add_gated(x, y, gate, video: int):
    parts = y.float().split([video, y.shape[1] - video], 1) if gate.shape[1] == 2 else (y.float(),)
    return (x.float() + torch.cat([part * gate[:, i, None] for i, part in enumerate(parts)], 1)).type_as(x)


class CpuAttention:
    """A diffusers attention processor for WanAttention without image conditioning."""

    def __call__(self, attn, hidden_states, encoder_hidden_states=None, attention_mask=None, rotary_emb=None):
        context = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        query = attn.norm_q(attn.to_q(hidden_states)).unflatten(2, (attn.heads, -1))
        key = attn.norm_k(attn.to_k(context)).unflatten(2, (attn.heads, -1))
        value = attn.to_v(context).unflatten(2, (attn.heads, -1)).transpose(1, 2)
        if rotary_emb is not None:
            query, key = rotate(query, *rotary_emb), rotate(key, *rotary_emb)
        scores = (query.transpose(1, 2) * query.shape[-1] ** -0.5) @ key.permute(0, 2, 3, 1)
        mixed = softmax(scores.float(), dim=-1).to(value.dtype) @ value
        mixed = mixed.transpose(1, 2).flatten(2, 3).type_as(hidden_states)
        return attn.to_out[1](attn.to_out[0](mixed))


def rotate(x, cos, sin):
    """x [B, S, H, D] with pairs (2i, 2i + 1) turned by the angles of cos and sin [B or 1, S, 1, D]."""
    place = torch.arange(x.shape[-1], device=x.device)
    sign = 1.0 - 2.0 * (place % 2)
    swap = torch.where(place[:, None] == (place ^ 1), sign[:, None], 0.0).to(x.dtype)
    return x * cos + (x @ swap) * sin
