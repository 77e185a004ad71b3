"""The short way of computing the conditioned transformer gives what the plain way gives, and the same gradients."""

import pytest
import torch
from diffusers import WanTransformer3DModel

from training.fast_transformer import make_fast, predict_velocity_fast
from training.reference_conditioning import condition, predict_velocity

CONFIG = {
    "patch_size": (1, 2, 4), "num_attention_heads": 2, "attention_head_dim": 24, "in_channels": 3, "out_channels": 3,
    "text_dim": 16, "freq_dim": 16, "ffn_dim": 32, "num_layers": 2, "cross_attn_norm": True, "rope_max_seq_len": 64,
}  # fmt: skip


@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize("num_references", [0, 2])
@pytest.mark.parametrize("reference_timestep", ["zero", "same"])
@pytest.mark.parametrize("cpu", [False, True])
def test_equals_the_plain_way(cpu, reference_timestep, num_references, checkpointing):
    torch.manual_seed(0)
    plain = condition(WanTransformer3DModel(**CONFIG), "rd-rope", 1)
    for parameter in plain.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    fast = condition(WanTransformer3DModel(**CONFIG), "rd-rope", 1)
    fast.load_state_dict(plain.state_dict())
    make_fast(fast, cpu=cpu)
    if checkpointing:
        fast.train().enable_gradient_checkpointing()
    latents, text = torch.randn(2, 3, 3, 4, 8), torch.randn(2, 5, 16)
    references = torch.randn(2, 3, num_references, 4, 8) if num_references else None
    rest = (torch.tensor([120.0, 880.0]), text, reference_timestep, torch.tensor([[0, 1, 3], [2, 4, 5]]), 6)
    outputs = [predict_velocity(plain, latents, references, *rest), predict_velocity_fast(fast, latents, references, *rest)]
    torch.testing.assert_close(outputs[1], outputs[0], rtol=1e-4, atol=1e-5)
    for output in outputs:
        output.square().sum().backward()
    for (name, a), b in zip(plain.named_parameters(), fast.parameters()):
        torch.testing.assert_close(b.grad, a.grad, rtol=1e-3, atol=1e-4 * a.grad.abs().max().item(), msg=name)
