"""The checkpoints of stage 4.

Whole: one file RUN/transformer.pt, written by the main process. Sharded (training.sharding is full): a folder
RUN/transformer/<step> of torch.distributed.checkpoint, every process its own part; read with any number of processes, also
without any. RUN/transformer.json names the newest complete one and is written last, on every node.
"""

import json
import shutil
from pathlib import Path

import torch
import torch.distributed.checkpoint as dcp
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_state_dict, set_state_dict

from training.files import Ema, save_atomically, write_json_atomically

WHOLE = "transformer.pt"
POINTER = "transformer.json"
FOLDER = "transformer"

# Frozen weights, those under a LoRA, stand in the directory that they came from.
TRAINED = StateDictOptions(ignore_frozen_params=True, strict=False)


def frozen_names(model):
    return {name for name, p in model.named_parameters(remove_duplicate=False) if not p.requires_grad}


def trained_state(model):
    frozen = frozen_names(model)
    return {name: value for name, value in model.state_dict().items() if name not in frozen}


def load_trained(model, state):
    """Raises ValueError when the state is not that of the model's trained weights."""
    missing, unexpected = model.load_state_dict(state, strict=False)
    if unexpected or set(missing) - frozen_names(model):
        raise ValueError(f"The checkpoint must fit the config, got missing {missing[:3]}, unexpected {unexpected[:3]}.")


class WholeCheckpoint:
    """model, optimizer, ema: as they are before DDP wraps them."""

    def __init__(self, run, model, optimizer, ema, accelerator):
        self.run, self.model, self.optimizer, self.ema, self.accelerator = Path(run), model, optimizer, ema, accelerator

    def load(self):
        """-> (step, seconds) of the newest checkpoint; (0, 0.0) where there is none."""
        if (self.run / FOLDER).exists():
            raise ValueError(f"training.sharding must be full, as {self.run}/{FOLDER} was written, got none.")
        if not (self.run / WHOLE).exists():
            return 0, 0.0
        state = torch.load(self.run / WHOLE, map_location="cpu")
        load_trained(self.model, state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.ema.load_state_dict(state["ema"])
        return state["step"], state["seconds"]

    def save(self, step, seconds):
        if not self.accelerator.is_main_process:
            return
        state = {
            "model": trained_state(self.model),
            "optimizer": self.optimizer.state_dict(),
            "ema": self.ema.state_dict(),
            "step": step,
            "seconds": seconds,
        }
        save_atomically(state, self.run / WHOLE)
        write_json_atomically({"step": step, "files": WHOLE}, self.run / POINTER)


class ShardedCheckpoint:
    """model: after training.sharding.shard; optimizer and ema: of its parameters."""

    def __init__(self, run, model, optimizer, ema, accelerator):
        self.run, self.model, self.optimizer, self.ema, self.accelerator = Path(run), model, optimizer, ema, accelerator

    def load(self):
        """-> (step, seconds) of the newest checkpoint; (0, 0.0) where there is none."""
        if (self.run / WHOLE).exists():
            raise ValueError(f"training.sharding must be none, as {self.run}/{WHOLE} was written, got full.")
        if not (self.run / POINTER).exists():
            return 0, 0.0
        state = self._state(0, 0.0)
        dcp.load(state, checkpoint_id=newest_folder(self.run))
        set_state_dict(
            self.model, self.optimizer, model_state_dict=state["model"], optim_state_dict=state["optimizer"], options=TRAINED
        )
        self.ema.load_state_dict(state["ema"])
        return state["step"], state["seconds"]

    def save(self, step, seconds):
        folder = self.run / FOLDER / f"{step:08d}"
        if self.accelerator.is_local_main_process:
            shutil.rmtree(folder, ignore_errors=True)  # half of one, of a training that was killed
            folder.mkdir(parents=True, exist_ok=True)
        self.accelerator.wait_for_everyone()
        dcp.save(self._state(step, seconds), checkpoint_id=folder)
        if self.accelerator.is_local_main_process:
            kept = {folder, newest_folder(self.run)} if (self.run / POINTER).exists() else {folder}
            write_json_atomically({"step": step, "files": f"{FOLDER}/{folder.name}"}, self.run / POINTER)
            for old in set(folder.parent.iterdir()) - kept:
                shutil.rmtree(old, ignore_errors=True)

    def _state(self, step, seconds):
        model, optimizer = get_state_dict(self.model, self.optimizer, options=TRAINED)
        return {"model": model, "optimizer": optimizer, "ema": self.ema.state_dict(), "step": step, "seconds": seconds}


def newest_folder(run):
    return Path(run) / json.loads((Path(run) / POINTER).read_text())["files"]


def load_averaged(model, run):
    """The averaged weights of the newest checkpoint, of either kind, into a ConditionedModel that is whole; on the CPU."""
    if (Path(run) / FOLDER).exists():
        state = {"model": trained_state(model), "ema": Ema(model, 0.0).state_dict()}
        dcp.load(state, checkpoint_id=newest_folder(run), no_dist=True)
    else:
        state = torch.load(Path(run) / WHOLE, map_location="cpu")
    load_trained(model, state["model"])
    Ema.load_into(model, state["ema"])
