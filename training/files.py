"""Where a run keeps what it makes; every stage reads the previous stage's folder and resumes in its own."""

import json
import os
from pathlib import Path

import torch

from training.config_schema import checked

STOP_FILE_NAME = "stop"


def read_config(path):
    """The config with its defaults. Raises ValueError with every field that is wrong."""
    return checked(json.loads(Path(path).read_text()), path)


def stop_asked(run):
    """A file named `stop` in the run's folder asks a training to save and end after its current step."""
    return (Path(run) / STOP_FILE_NAME).exists()


def write_json_atomically(value, path):
    partial = Path(f"{path}.{os.getpid()}.partial")
    partial.write_text(json.dumps(value))
    os.replace(partial, path)


def save_atomically(state, path):
    """torch.save through a temporary name, so that an interrupted run never leaves half a checkpoint."""
    partial = Path(f"{path}.partial")
    torch.save(state, partial)
    os.replace(partial, path)


def append_metrics(run, stage: str, **values):
    with open(Path(run) / f"{stage}.jsonl", "a") as file:
        file.write(json.dumps(values) + "\n")


class Ema:
    """Exponential moving average of a module's trained parameters, warmed up so that early weights fade quickly."""

    def __init__(self, module: torch.nn.Module, decay: float):
        self.decay, self.step = decay, 0
        self.shadow = {name: p.detach().clone().float() for name, p in module.named_parameters() if p.requires_grad}

    @torch.no_grad()
    def update(self, module):
        self.step += 1
        decay = min(self.decay, (1 + self.step) / (10 + self.step))
        for name, p in module.named_parameters():
            if name in self.shadow:
                self.shadow[name].lerp_(p.float(), 1 - decay)

    def state_dict(self):
        return {"step": self.step, "shadow": self.shadow}

    def load_state_dict(self, state):
        self.step = state["step"]
        self.shadow = {name: value.to(self.shadow[name].device) for name, value in state["shadow"].items()}

    @staticmethod
    def load_into(module, state):
        """Give module the averaged weights of a checkpoint's `ema`."""
        module.load_state_dict(state["shadow"], strict=False)

    def copy_to(self, module):
        module.load_state_dict(self.shadow, strict=False)
