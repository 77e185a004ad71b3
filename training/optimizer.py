"""What `training.optimizer` means: AdamW for everything, or Muon for the matrices inside the blocks and AdamW for the rest.

Muon (Jordan et al. 2024, with the update's size matched to AdamW's as in "Muon is Scalable for LLM Training",
arXiv 2502.16982, so that one learning rate and one weight decay serve both) makes every update of a matrix orthogonal.
Projections in and out of the network, embeddings, norms and biases stay with AdamW, as its authors advise.
"""

from unittest.mock import patch

import torch

from training.precision import bfloat16_pays

BETAS = (0.9, 0.98)


def build_optimizer(model: torch.nn.Module, settings):
    """Over the parameters that are trained. Takes `settings` as the config's `training` section says them."""
    trained = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    rate, decay = settings["learning_rate"], settings["weight_decay"]
    muon = settings["optimizer"] == "muon"
    matrices = [p for name, p in trained if muon and is_inner_matrix(name, p)]
    inner = {id(p) for p in matrices}
    rest = [p for _, p in trained if id(p) not in inner]
    groups = [
        {"params": [p for p in rest if p.ndim >= 2], "weight_decay": decay},
        {"params": [p for p in rest if p.ndim < 2], "weight_decay": 0.0},
    ]
    adamw = torch.optim.AdamW(groups, lr=rate, betas=BETAS, fused=True)
    if not muon:
        return adamw
    if settings["sharding"] == "full":
        raise ValueError('training.optimizer must be "adamw" where training.sharding is "full", got "muon".')
    return Both(Muon(matrices, lr=rate, weight_decay=decay, adjust_lr_fn="match_rms_adamw"), adamw)


def is_inner_matrix(name: str, parameter: torch.Tensor) -> bool:
    return parameter.ndim == 2 and (".blocks." in name or ".block." in name) and "relative_attention_bias" not in name


class Muon(torch.optim.Muon):
    """PyTorch's, which makes updates orthogonal in bfloat16, in float32 where that is slow."""

    def step(self, closure=None):
        device = self.param_groups[0]["params"][0].device
        if bfloat16_pays(device):
            return super().step(closure)
        # The iteration has no setting for it: it calls this and works in place on what it gets.
        with patch.object(torch.Tensor, "bfloat16", lambda tensor: tensor.float().clone()):
            return super().step(closure)


class Both:
    """Two optimisers that step as one: their groups in one list, their states side by side."""

    def __init__(self, *parts: torch.optim.Optimizer):
        self.parts = parts

    @property
    def param_groups(self):
        return [group for part in self.parts for group in part.param_groups]

    def step(self):
        for part in self.parts:
            part.step()

    def zero_grad(self, set_to_none: bool = True):
        for part in self.parts:
            part.zero_grad(set_to_none)

    def state_dict(self):
        return {"parts": [part.state_dict() for part in self.parts]}

    def load_state_dict(self, state_dict):
        for part, state in zip(self.parts, state_dict["parts"], strict=True):
            part.load_state_dict(state)
