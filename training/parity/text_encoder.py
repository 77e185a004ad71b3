"""Golden outputs of UMT5EncoderModel and T5EncoderModel: last_hidden_state with the rows beyond the real length zeroed.

input_ids are drawn by hash; the first `real_length` positions are real, the rest is padding (id 0, mask 0).
"""

import numpy as np
import torch
from transformers import T5Config, T5EncoderModel, UMT5Config, UMT5EncoderModel

from golden import randomise, uniform, write_golden

CASES = {
    "umt5": {
        "class": (UMT5Config, UMT5EncoderModel),
        "config": {"vocab_size": 120, "d_model": 32, "d_kv": 8, "d_ff": 48, "num_layers": 3, "num_heads": 4, "feed_forward_proj": "gated-gelu"},
        "lengths": [[12, 5], [12, 12], [200, 170]],
    },
    "umt5-wide-heads": {
        # d_kv * num_heads differs from d_model, and the buckets differ from the default 32 / 128.
        "class": (UMT5Config, UMT5EncoderModel),
        "config": {
            "vocab_size": 60,
            "d_model": 24,
            "d_kv": 16,
            "d_ff": 40,
            "num_layers": 2,
            "num_heads": 2,
            "feed_forward_proj": "gated-gelu",
            "relative_attention_num_buckets": 16,
            "relative_attention_max_distance": 24,
        },
        "lengths": [[40, 33], [9, 1]],
    },
    "t5": {
        "class": (T5Config, T5EncoderModel),
        "config": {"vocab_size": 90, "d_model": 32, "d_kv": 8, "d_ff": 37, "num_layers": 3, "num_heads": 4, "feed_forward_proj": "relu"},
        "lengths": [[20, 11]],
    },
}


def random_ids(name: str, vocab_size: int, length: int, real_length: int) -> torch.Tensor:
    """[1, length] ids in 2..vocab_size-1, then EOS (1), then padding (0)."""
    ids = np.floor((uniform(name, length) + 1.0) / 2.0 * (vocab_size - 2)).astype(np.int64) + 2
    ids[real_length - 1] = 1
    ids[real_length:] = 0
    return torch.from_numpy(ids)[None]


def zeroed_last_hidden_state(model: torch.nn.Module, input_ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """What the pipelines feed the transformer: [1, L, d_model], zeros after the real length."""
    return model(input_ids=input_ids, attention_mask=mask).last_hidden_state * mask[..., None]


@torch.no_grad()
def main() -> None:
    for name, case in CASES.items():
        config_class, model_class = case["class"]
        config = config_class(**case["config"])
        model = model_class(config).eval()
        prefix = f"text-encoder/{name}"
        weights = randomise(model, prefix)
        tensors = {}
        for length, real_length in case["lengths"]:
            ids = random_ids(f"{prefix}/ids/{length}/{real_length}", config.vocab_size, length, real_length)
            mask = (torch.arange(length) < real_length).long()[None]
            tensors[f"input_ids/{length}/{real_length}"] = ids
            tensors[f"last_hidden_state/{length}/{real_length}"] = zeroed_last_hidden_state(model, ids, mask)
        written = {**config.to_diff_dict(), "architectures": [model_class.__name__]}
        write_golden(f"text-encoder-{name}", {"prefix": prefix, "config": written, "lengths": case["lengths"], "weights": weights}, tensors)


if __name__ == "__main__":
    main()
