"""A model that no single GPU holds: parameters, gradients, optimiser state and EMA spread over all processes (FSDP2).

The unit is the transformer block: its parameters are gathered when it runs and let go after it, so a process holds its
share of everything and one or two whole blocks. Parameters are gathered in float32, as DDP keeps them, so both train alike.
"""

import torch
import torch.distributed as dist
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard


def shard(model, device: torch.device):
    """Shard a ConditionedModel or a Backbone in place over all processes; returns it. Make its optimiser and its EMA afterwards."""
    if not dist.is_initialized():
        raise RuntimeError("training.sharding must be none without torchrun, got full: start it with torchrun.")
    mesh = init_device_mesh(device.type, (dist.get_world_size(),))
    text_blocks = model.text_encoder.encoder.block if hasattr(model, "text_encoder") else []
    for block in [*model.transformer.blocks, *text_blocks]:
        fully_shard(block, mesh=mesh)
    return fully_shard(model, mesh=mesh)


def as_number(value: torch.Tensor) -> float:
    """A scalar that may be spread: every process must ask for it."""
    return float(value.full_tensor() if hasattr(value, "full_tensor") else value)
