"""Low-rank adapters (LoRA, arXiv 2106.09685) by peft: W + alpha / rank * B A, of which A and B alone are trained.

Written as `pytorch_lora_weights.safetensors`, which diffusers' `load_lora_weights` and `mv2id model merge-lora` read.
"""

import torch
from diffusers import WanPipeline
from diffusers.utils import convert_state_dict_to_diffusers
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict


def add_lora(transformer, settings, seed: int):
    """Freezes the transformer and adds adapters, float32, to its layers; the same in every process.

    settings: the config's `lora`: rank, alpha, modules (ends of layers' names, such as to_q). Raises ValueError when none has
    such a name.
    """
    transformer.requires_grad_(False)
    names = [name for name, module in transformer.named_modules() if isinstance(module, torch.nn.Linear)]
    for i, module in enumerate(settings["modules"]):
        if not any(name == module or name.endswith(f".{module}") for name in names):
            raise ValueError(f"lora.modules[{i}] must be the end of a linear layer's name, got {module}.")
    torch.manual_seed(seed)
    transformer.add_adapter(
        LoraConfig(
            r=settings["rank"], lora_alpha=settings["alpha"], target_modules=settings["modules"], init_lora_weights=True
        )
    )
    for parameter in transformer.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()


def save_lora(transformer, folder, dtype: torch.dtype):
    """Writes folder/pytorch_lora_weights.safetensors; rank and alpha stand in its metadata."""
    layers = convert_state_dict_to_diffusers(get_peft_model_state_dict(transformer))
    WanPipeline.save_lora_weights(
        folder,
        transformer_lora_layers={name: value.to(dtype).contiguous() for name, value in layers.items()},
        transformer_lora_adapter_metadata=metadata(transformer.peft_config["default"]),
    )


def metadata(config: LoraConfig):
    values = config.to_dict()
    return {name: sorted(value) if isinstance(value, set) else value for name, value in values.items()}
