"""Golden files: what PyTorch computed, small enough to keep in the repository.

Weights and inputs are not stored. Both sides draw them from one integer hash of (name, index), so a golden file holds
only the configuration, the list of tensors (name, shape, mean, scale) and the outputs. test/golden.ts is the reader.
"""

import json
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

# One thread: sums come out in one order, so that writing a golden file again gives the same bytes on the same machine.
torch.set_num_threads(1)

FIXTURES = Path(__file__).resolve().parents[2] / "test" / "fixtures" / "parity"


def uniform(name: str, count: int) -> np.ndarray:
    """`count` float64 values in [-1, 1): FNV-1a of the name seeds a 32-bit finaliser (lowbias32) over the index."""
    seed = 0x811C9DC5
    for byte in name.encode("utf-8"):
        seed = ((seed ^ byte) * 0x01000193) & 0xFFFFFFFF
    x = np.arange(count, dtype=np.uint32) * np.uint32(0x9E3779B9) + np.uint32(seed)
    x ^= x >> np.uint32(16)
    x *= np.uint32(0x7FEB352D)
    x ^= x >> np.uint32(15)
    x *= np.uint32(0x846CA68B)
    x ^= x >> np.uint32(16)
    return x.astype(np.float64) / 2147483648.0 - 1.0


def random_tensor(name: str, shape: list[int], mean: float = 0.0, scale: float = 1.0) -> torch.Tensor:
    """float32 tensor of `mean + scale * uniform`, the same bytes in Python and TypeScript."""
    values = mean + scale * uniform(name, int(np.prod(shape)))
    return torch.from_numpy(values.astype(np.float32)).reshape(tuple(shape))


def randomise(model: torch.nn.Module, prefix: str) -> list[dict]:
    """Overwrites every parameter of `model` with hashed values and returns the list a reader needs to do the same.

    Norm weights lie around 1, biases and tables are small, matrices keep the variance of their input.
    """
    specs = []
    state = model.state_dict(keep_vars=True)
    seen: dict[int, str] = {}
    with torch.no_grad():
        for name, tensor in state.items():
            if id(tensor) in seen:  # tied weights, stored once
                continue
            seen[id(tensor)] = name
            mean, scale = spread(name, tensor)
            tensor.copy_(random_tensor(f"{prefix}/{name}", list(tensor.shape), mean, scale))
            specs.append({"name": name, "shape": list(tensor.shape), "mean": mean, "scale": scale})
    return specs


def spread(name: str, tensor: torch.Tensor) -> tuple[float, float]:
    """Mean and half width of the uniform values of one parameter."""
    if "norm" in name and name.endswith(("weight", "gamma")):
        return 1.0, 0.25
    if tensor.ndim < 2 or name.endswith("gamma"):
        return 0.0, 0.2
    if "embed_tokens" in name or name.startswith("shared.") or "relative_attention_bias" in name:
        return 0.0, 1.0
    if "scale_shift_table" in name:
        return 0.0, 0.3
    fan_in = tensor[0].numel()
    return 0.0, round(float(np.sqrt(3.0 / fan_in)), 6)


def write_golden(name: str, metadata: dict, tensors: dict[str, torch.Tensor]) -> None:
    """Writes test/fixtures/parity/<name>.safetensors; `metadata` becomes JSON under the header key `golden`."""
    FIXTURES.mkdir(parents=True, exist_ok=True)
    path = FIXTURES / f"{name}.safetensors"
    contiguous = {key: value.detach().contiguous() for key, value in tensors.items()}
    save_file(contiguous, path, metadata={"golden": json.dumps(metadata, separators=(",", ":"))})
    print(f"{path.name}: {path.stat().st_size} bytes")


def write_json(name: str, value: object) -> None:
    """Writes test/fixtures/parity/<name>.json in one line a top-level entry."""
    FIXTURES.mkdir(parents=True, exist_ok=True)
    path = FIXTURES / f"{name}.json"
    if isinstance(value, list):
        text = "[\n" + ",\n".join(json.dumps(entry, separators=(",", ":")) for entry in value) + "\n]\n"
    else:
        text = json.dumps(value, separators=(",", ":")) + "\n"
    path.write_text(text)
    print(f"{path.name}: {path.stat().st_size} bytes")


def float32_list(tensor: torch.Tensor) -> list[float]:
    """Shortest decimal of each float32 (JSON stays small and reads back to the same float32)."""
    return [float(str(np.float32(value))) for value in tensor.detach().to(torch.float32).flatten().tolist()]
