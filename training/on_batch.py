"""A training from its config to a model in the bucket, on machines that may go away at any time.

    python -m training.on_batch [<config> <run prefix>]
    python -m training.on_batch training/config/mv2id-tiny.json s3://my-models/training/heads/

Without arguments the run is MV2ID_TRAINING_RUN in the bucket MV2ID_MODELS_BUCKET: so AWS Batch starts it. It goes on from
what earlier attempts left (training/run_store.py), prepares the data, trains on every GPU of every node, and exports the model as
s3://<bucket>/<run>/, where the service finds it. On SIGTERM it saves, uploads and exits with 75, which makes Batch try again.
"""

import argparse
import hashlib
import json
import os
import re
import shutil
import sys
import time
import traceback
from pathlib import Path
from urllib.parse import urlsplit

import torch
from botocore.exceptions import HTTPClientError

from training.bucket import Bucket
from training.cache_latents import write_statistics
from training.files import read_config
from training.node import Node
from training.processes import StageFailed, Stop, module, run_stage
from training.run_store import RunStore, TakenOver

# contract/worker-exit.ts has the same numbers.
DONE, REJECTED, INTERNAL, RETRY = 0, 64, 70, 75
# As contract/training-run.ts has it; `training` is where runs live, so no model can have that name.
RUN = re.compile(r"(?!training$)[a-z0-9](?:[a-z0-9_-]{0,62}[a-z0-9])?")
MASTER_PORT = 29500
DATA_POLL_SECONDS = 5
KEEP_DATA_SECONDS = 60
HASHES, INDEX = "sha256.json", "model_index.json"


def parse_arguments(argv, environment):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config", nargs="?", help="a JSON file, for a new run; or s3://, as the run has it")
    parser.add_argument("run", nargs="?", help="s3://<bucket>/training/<run>/")
    parser.add_argument("--processes", type=int, help="of this node (default: one a GPU)")
    parser.add_argument("--port", type=int, default=MASTER_PORT, help="of the main node, where the others find it")
    parser.add_argument("--tick-seconds", type=float, default=15.0, help="between two looks at a running stage")
    arguments = parser.parse_args(argv)
    if arguments.run is None:
        missing = [name for name in ("MV2ID_MODELS_BUCKET", "MV2ID_TRAINING_RUN") if not environment.get(name)]
        if missing:
            raise ValueError(f"{missing[0]} must be set, got nothing.")
        arguments.run = f"s3://{environment['MV2ID_MODELS_BUCKET']}/training/{environment['MV2ID_TRAINING_RUN']}/"
    place = urlsplit(arguments.run)
    parts = place.path.strip("/").split("/")
    if place.scheme != "s3" or not place.netloc or len(parts) != 2 or parts[0] != "training" or not RUN.fullmatch(parts[1]):
        raise ValueError(f"run must be s3://<bucket>/training/<run>/, got {arguments.run}.")
    arguments.bucket, arguments.name = place.netloc, parts[1]
    if arguments.config and arguments.config.startswith("s3://"):
        arguments.config = None
    return arguments


class Training:
    """One attempt at a run, on one node."""

    def __init__(self, arguments, environment, stop):
        self.arguments, self.environment, self.stop = arguments, environment, stop
        self.node = Node.of_environment(environment)
        self.folder = Path(environment.get("MV2ID_TRAINING_FOLDER", "training/runs")) / "on-batch" / arguments.name
        # The bucket has what counts; a disk that outlives containers may hold anything.
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        stop.watch(self.folder)
        self.bucket = Bucket(arguments.bucket)
        self.store = RunStore(self.bucket, f"training/{arguments.name}/", self.folder, self.node)
        self.steps = None
        self.first_step = self.store.pointer["step"] if self.store.pointer else 0

    def run(self):
        self.gpus = gpus_of(self.environment)
        self.processes = self.arguments.processes or max(1, self.gpus)
        given = self.arguments.config
        self.config_path = self.store.fetch_config(Path(given) if given else None)
        self.config = read_config(self.config_path)
        self.steps = self.config["training"]["steps"]
        self._check_fits()
        for stage in (self.fetch, self.prepare, self.train, self.export):
            if not self.stop.asked:
                stage()
        if self.stop.asked:
            self.store.tell("stopped", self.steps)
            return RETRY
        self.store.tell("succeeded", self.steps)
        return DONE

    def _check_fits(self):
        """What the schema cannot say, before hours of work. Raises ValueError."""
        data, size = self.config["data"], self.config["training"]["batch_size"]
        processes = self.processes * self.node.count
        if size % processes:
            raise ValueError(f"training.batch_size must be a multiple of {processes} processes, got {size}.")
        if data["num_clips"] < data["clips_per_shard"]:
            raise ValueError(f"data.num_clips must be at least clips_per_shard, got {data['num_clips']}.")
        if self.store.pointer is None and self.bucket.list(f"{self.arguments.name}/"):
            raise ValueError(f"run must not have the name of a model in the bucket, got {self.arguments.name}.")

    def made_progress(self):
        return bool(self.store.pointer) and self.store.pointer["step"] > self.first_step

    # Stages

    def fetch(self):
        if not self.node.is_main:
            while not (self.store.has_data() or self.stop.asked):
                time.sleep(DATA_POLL_SECONDS)
        self.store.fetch_data(self.stop)
        self.store.fetch_checkpoint(self.stop)

    def prepare(self):
        """On the main node alone; the others wait for the result."""
        if not self.node.is_main or self.store.has_data():
            return
        self._stage("render", self._shared("training.render_clips"))
        vae = [module("training.train_vae", self.config_path, self.folder)]
        self._stage("vae", vae, saves=True)
        self._stage("latents", self._shared("training.cache_latents"))
        if not self.stop.asked:
            # Each worker wrote them from what there was when it ended.
            write_statistics(self.folder / "latents")
            self.store.keep_data(complete=True)

    def train(self):
        if self.store.local_step() >= self.steps:
            return
        self.store.tell("train", self.steps)
        launch = self.node.torchrun(self.processes, self.arguments.port)
        command = module("torch.distributed.run", *launch, "-m", "training.train", self.config_path, self.folder)
        try:
            run_stage([command], self.stop, saves=True, tick=self._tick, tick_seconds=self.arguments.tick_seconds)
        finally:
            self.store.keep_checkpoint()
        if not self.stop.asked and self.node.is_main and self.store.local_step() < self.steps:
            # Another node was told to stop, and this one with it.
            self.stop.ask()

    def export(self):
        if not self.node.is_main:
            return
        self.store.tell("export", self.steps)
        self.store.fetch_checkpoint(self.stop)
        out = self.folder / "model"
        run_stage([module("training.export", self.config_path, self.folder, out)], self.stop)
        if self.stop.asked:
            return
        files = {str(path.relative_to(out)): path for path in sorted(out.rglob("*")) if path.is_file()}
        hashes = {name: sha256_of(path) for name, path in files.items()}
        self._publish(files, hashes)

    # Parts of stages

    def _stage(self, state, commands, saves=False):
        if self.stop.asked:
            return
        self.store.tell(state, self.steps)
        environments = [self._device(i) for i in range(len(commands))]
        try:
            tick = {"tick": self.store.keep_data, "tick_seconds": KEEP_DATA_SECONDS}
            run_stage(commands, self.stop, saves=saves, environments=environments, **tick)
        finally:
            self.store.keep_data()

    def _shared(self, name):
        """The stage's shards over all GPUs, or over all cores where there is none."""
        data = self.config["data"]
        count = min(self.gpus or len(os.sched_getaffinity(0)), data["num_clips"] // data["clips_per_shard"])
        return [module(name, self.config_path, self.folder, "--worker", f"{i}/{count}") for i in range(count)]

    def _device(self, i):
        return {**os.environ, "CUDA_VISIBLE_DEVICES": str(i)} if self.gpus > 1 else None

    def _tick(self):
        self.store.keep_checkpoint(lambda: self.stop.asked)
        self.store.tell("train", self.steps)

    def _publish(self, files, hashes):
        """model_index.json last, without which a model is none; the hashes first, by which half of one is known as such."""
        prefix = f"{self.arguments.name}/"
        if f"{prefix}{INDEX}" in self.bucket.list(prefix):
            if self.bucket.get_json(f"{prefix}{HASHES}")[0] == hashes:
                return
            raise ValueError(f"{prefix} must be free for the run's model, got another model.")
        self.bucket.put_json(f"{prefix}{HASHES}", hashes)
        for name in sorted(files.keys() - {INDEX}):
            self.bucket.upload(files[name], f"{prefix}{name}")
        self.bucket.upload(files[INDEX], f"{prefix}{INDEX}")


def gpus_of(environment):
    """MV2ID_TRAINING_GPUS of this node, or all. Raises ValueError when there are fewer."""
    found = torch.cuda.device_count()
    asked = environment.get("MV2ID_TRAINING_GPUS") or str(found)
    if not asked.isdecimal() or int(asked) > found:
        raise ValueError(f"MV2ID_TRAINING_GPUS must be a whole number of at most {found}, the GPUs of this node, got {asked}.")
    return int(asked)


def sha256_of(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def main(argv=None, environment=os.environ):
    stop = Stop()
    training = None
    try:
        training = Training(parse_arguments(argv, environment), environment, stop)
        return training.run()
    except ValueError as error:
        code, state, message = REJECTED, "failed", str(error)
    except TakenOver as error:
        print(f"training.on_batch: {error}", file=sys.stderr)
        return INTERNAL
    except (StageFailed, HTTPClientError) as error:
        # What got further may have lost its machine's GPU, its peer or the network; what did not would fail again.
        again = stop.asked or isinstance(error, HTTPClientError) or training.made_progress()
        code, state, message = (RETRY, "interrupted", str(error)) if again else (INTERNAL, "failed", str(error))
    except Exception:
        code, state, message = INTERNAL, "failed", traceback.format_exc()
    print(f"training.on_batch: {message}", file=sys.stderr)
    try:
        if training is not None:
            training.store.tell(state, training.steps, message)
    except Exception:  # it may be what failed
        traceback.print_exc()
    return code


if __name__ == "__main__":
    sys.exit(main())
