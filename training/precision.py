"""Whether bfloat16 pays on this machine.

A GPU and a CPU with AVX512-BF16 or AMX multiply it several times faster than float32; any other CPU emulates it, several hundred
times slower. What is computed stays the same but for rounding, so a config's `mixed_precision: "bf16"` means "where it pays".
"""

import torch


def bfloat16_pays(device) -> bool:
    if torch.device(device).type != "cpu":
        return True
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


def mixed_precision(wanted: str, device) -> str:
    """What accelerate is told for a config's `training.mixed_precision`."""
    return wanted if wanted == "no" or bfloat16_pays(device) else "no"


def autocast(device, wanted: str = "bf16"):
    return torch.autocast(torch.device(device).type, torch.bfloat16, enabled=mixed_precision(wanted, device) == "bf16")
