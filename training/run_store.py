"""A run in the models bucket, so that it outlives the machines that train it.

    training/<run>/config.json        what was asked for; written once
    training/<run>/progress.json      how far it is: `mv2id train status` reads it
    training/<run>/data/...           clips, vae.pt, latents; data.json once the latents are complete
    training/<run>/checkpoints/<step>-<attempt>/...   never changed after they were written
    training/<run>/checkpoint.json    names the newest complete one, and is written after all of its files

A checkpoint that is half uploaded is named by nobody, so nobody takes it. The name changes by conditional writes: of two
attempts at the same run, which is what is left when a lost machine comes back, the newer one wins and the other ends.
"""

import json
import math
import os
import shutil
import time
from datetime import datetime, timezone
from pathlib import Path

from training.bucket import Bucket, ObjectChanged
from training.checkpoints import POINTER, WHOLE
from training.files import write_json_atomically

METRICS = "transformer.jsonl"
STAGING = ".uploading"
DATA_FOLDERS = ("clips", "latents")
NODE_POLL_SECONDS = 2
NODE_TIMEOUT_SECONDS = 900


class TakenOver(Exception):
    """Another attempt goes on with the run."""


class RunStore:
    def __init__(self, bucket: Bucket, prefix: str, folder: Path, node):
        """prefix: training/<run>/; folder: the run on this machine; node: training.node.Node."""
        self.bucket, self.prefix, self.folder, self.node = bucket, prefix, Path(folder), node
        self.kept = {}
        self.pointer, self.etag = bucket.get_json(f"{prefix}checkpoint.json")

    # What was asked for, and how far it is

    def fetch_config(self, given: Path | None):
        """-> the run's config.json on this machine. A new run takes the given one."""
        key, path = f"{self.prefix}config.json", self.folder / "config.json"
        try:
            stored, _ = self.bucket.get_json(key)
        except ValueError as error:
            raise ValueError(f"{key} must be JSON, got {error}.") from None
        if given is not None:
            config = json.loads(given.read_text())
            if stored is None:
                self.bucket.put_json(key, config, IfNoneMatch="*")
            elif stored != config:
                raise ValueError(f"config must be the one that the run began with, got another in {given}.")
            stored = config
        if stored is None:
            raise ValueError(f"run must have a config.json under {self.prefix}, got none.")
        path.write_text(json.dumps(stored))
        return path

    def tell(self, state: str, steps: int | None, error: str | None = None):
        """Only the main node tells. error: in words, where it ended badly."""
        if not self.node.is_main:
            return
        rows = self._metrics()
        progress = {
            "state": state,
            "step": rows[-1]["step"] if rows else None,
            "steps": steps,
            # JSON has no NaN.
            "loss": rows[-1]["loss"] if rows and math.isfinite(rows[-1]["loss"]) else None,
            "checkpoint_step": self.pointer["step"] if self.pointer else None,
            "updated_at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "attempt": self.node.attempt,
            "nodes": self.node.count,
            **({"error": error} if error else {}),
        }
        self.bucket.put_json(f"{self.prefix}progress.json", progress)

    # Data

    def has_data(self):
        return self.bucket.get_json(f"{self.prefix}data.json")[0] is not None

    def fetch_data(self, stop):
        """What a training needs once the latents are complete; before that, all that earlier attempts made."""
        complete = self.has_data()
        for key in self.bucket.list(f"{self.prefix}data/"):
            name = key.removeprefix(f"{self.prefix}data/")
            if stop.asked:
                return
            if not (complete and name.startswith("clips/")):
                self.bucket.download(key, self.folder / name)

    def keep_data(self, complete=False):
        """Uploads what is not there yet. Shards never change; vae.pt does while it is trained."""
        present = self.bucket.list(f"{self.prefix}data/")
        paths = [path for folder in DATA_FOLDERS for path in sorted((self.folder / folder).glob("*.safetensors"))]
        changing = [self.folder / name for name in ("vae.pt", "vae.jsonl", "latents/statistics.json")]
        for path in [*paths, *(path for path in changing if path.exists())]:
            key, changed = f"{self.prefix}data/{path.relative_to(self.folder)}", path.stat().st_mtime_ns
            if key not in present or (path in changing and self.kept.get(path) != changed):
                self.bucket.upload(path, key)
                self.kept[path] = changed
        if complete:
            self.bucket.put_json(f"{self.prefix}data.json", {"complete": True})

    # Checkpoints

    def fetch_checkpoint(self, stop):
        """The newest complete one, all of it: with another number of processes, each may need any file. Skips what is here."""
        for name, size in (self.pointer or {"files": {}})["files"].items():
            path = self.folder / name
            if stop.asked:
                return
            if path.exists() and path.stat().st_size == size:
                continue
            self.bucket.download(f"{self.pointer['prefix']}{name}", path)
            if path.stat().st_size != size:
                raise OSError(f"{self.pointer['prefix']}{name} must be of {size} bytes, got {path.stat().st_size}.")

    def local_step(self):
        """Of the newest checkpoint on this machine; -1 where there is none."""
        path = self.folder / POINTER
        return json.loads(path.read_text())["step"] if path.exists() else -1

    def keep_checkpoint(self, stop_waiting=lambda: False):
        """Uploads the newest checkpoint of this machine, every node its own part; the main node names it when all are there."""
        step = self.local_step()
        if step <= (self.pointer["step"] if self.pointer else -1):
            return
        prefix = f"{self.prefix}checkpoints/{step:08d}-{self.node.attempt_name}/"
        staging = self._snapshot(step)
        files = {str(path.relative_to(staging)): path.stat().st_size for path in staging.rglob("*") if path.is_file()}
        for name in files:
            self.bucket.upload(staging / name, f"{prefix}{name}")
        shutil.rmtree(staging)
        if self.node.is_main:
            sharded = WHOLE not in files
            parts = self._other_parts(prefix, stop_waiting) if sharded else []
            if parts is None:
                return
            for part in parts:
                files |= part
            self._name({"step": step, "prefix": prefix, "files": files, **self.node.identity})
        else:
            self.bucket.put_json(f"{prefix}node-{self.node.index}.json", files)
            self.pointer = {"step": step}

    def _snapshot(self, step):
        """Links, so that a file that the training replaces meanwhile stays as it is here until it is uploaded."""
        staging = self.folder / STAGING
        shutil.rmtree(staging, ignore_errors=True)
        newest = self.folder / json.loads((self.folder / POINTER).read_text())["files"]
        for path in [newest] if newest.is_file() else newest.iterdir():
            link = staging / path.relative_to(self.folder)
            link.parent.mkdir(parents=True, exist_ok=True)
            os.link(path, link)
        if self.node.is_main:
            pointer = {"step": step, "files": str(newest.relative_to(self.folder))}
            write_json_atomically(pointer, staging / POINTER)
            rows = [json.dumps(row) + "\n" for row in self._metrics() if row["step"] <= step]
            (staging / METRICS).write_text("".join(rows))
        return staging

    def _other_parts(self, prefix, stop_waiting):
        """[{name: size}] of every other node; None where one of them does not arrive."""
        deadline, parts = time.monotonic() + NODE_TIMEOUT_SECONDS, {}
        others = [index for index in range(self.node.count) if index != self.node.index]
        while True:
            for index in others:
                if index not in parts:
                    part, _ = self.bucket.get_json(f"{prefix}node-{index}.json")
                    if part is not None:
                        parts[index] = part
            if len(parts) == len(others):
                return list(parts.values())
            if time.monotonic() > deadline or stop_waiting():
                return None
            time.sleep(NODE_POLL_SECONDS)

    def _name(self, pointer):
        key, before = f"{self.prefix}checkpoint.json", self.pointer
        while True:
            try:
                condition = {"IfMatch": self.etag} if self.etag else {"IfNoneMatch": "*"}
                self.etag = self.bucket.put_json(key, pointer, **condition)
                break
            except ObjectChanged:
                found, self.etag = self.bucket.get_json(key)
                if found and found["began"] > pointer["began"]:
                    raise TakenOver(f"{key} must be of this attempt, got {found['job']}, attempt {found['attempt']}.") from None
        self.pointer = pointer
        self._delete_old({pointer["prefix"], (before or pointer)["prefix"]}, pointer["step"])

    def _delete_old(self, kept, step):
        """All but the newest and the one before it; not what nodes of this attempt are already uploading."""
        root, old = f"{self.prefix}checkpoints/", []
        for key in self.bucket.list(root):
            name = key.removeprefix(root).split("/")[0]
            own_next = name.endswith(f"-{self.node.attempt_name}") and int(name.split("-")[0]) > step
            if f"{root}{name}/" not in kept and not own_next:
                old.append(key)
        self.bucket.delete(old)

    def _metrics(self):
        path = self.folder / METRICS
        lines = path.read_text().splitlines() if path.exists() else []
        return [json.loads(line) for line in lines if line.endswith("}")]
