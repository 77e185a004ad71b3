"""What one start of torchrun trains for test_distributed.py: several runs one after the other.

    torchrun --nproc-per-node 2 -m training.tests.scenarios FOLDER run-a run-b:3 run-b

Each argument is a run that `prepare` made, and how many steps of it to train in this turn; without, all that are left.
"""

import sys
from pathlib import Path

import torch

from training.tests.toy import toy_config, toy_latents
from training.train import main


def prepare(folder, name, **training):
    toy_config(Path(folder) / name, **training)
    toy_latents(Path(folder) / name)


def train(folder, turn):
    name, _, steps = turn.partition(":")
    run = Path(folder) / name
    main([str(run / "config.json"), str(run), *(["--max-steps", steps] if steps else [])])


if __name__ == "__main__":
    torch.set_num_threads(1)
    for argument in sys.argv[2:]:
        train(sys.argv[1], argument)
    torch.distributed.destroy_process_group()
