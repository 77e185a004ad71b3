"""The training's container as a process of its own, with the variables that Batch sets, and the bucket that it sees."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import urlopen

REPOSITORY = Path(__file__).parent.parent.parent
WITHIN_SECONDS = 240


def free_port():
    with socket.socket() as it:
        it.bind(("127.0.0.1", 0))
        return it.getsockname()[1]


class BatchHome:
    def __init__(self, bucket, folder):
        """bucket: training.bucket.Bucket, whose emulator the environment names."""
        self.bucket, self.s3, self.folder, self.started = bucket.name, bucket.client, Path(folder), []

    def close(self):
        for process in self.started:
            if process.poll() is None:
                process.kill()
            process.wait()

    def start(self, run, instance, *arguments, **variables):
        """One container. instance: names the folder that its instance lends it."""
        log = open(self.folder / f"{instance}.log", "w")
        environment = {**os.environ, "MV2ID_MODELS_BUCKET": self.bucket, "MV2ID_TRAINING_RUN": run,
                       "MV2ID_TRAINING_FOLDER": str(self.folder / instance), **variables}  # fmt: skip
        process = subprocess.Popen(
            [sys.executable, "-m", "training.on_batch", *arguments], cwd=REPOSITORY, env=environment, stdout=log, stderr=log
        )
        process.log = Path(log.name)
        self.started.append(process)
        return process

    def put(self, key, body):
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=body)

    def keys(self, prefix=""):
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        return [entry["Key"] for page in pages for entry in page.get("Contents", [])]

    def read(self, key):
        return self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read() if key in self.keys(key) else None

    def read_json(self, key):
        body = self.read(key)
        return body and json.loads(body)

    def download(self, prefix, folder):
        for key in self.keys(f"{prefix}/"):
            file = Path(folder) / key[len(prefix) + 1 :]
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(self.read(key))


def exit_code(process):
    code = process.wait(timeout=WITHIN_SECONDS)
    print(process.log.read_text())
    return code


def sigterm(process):
    process.send_signal(signal.SIGTERM)


def until(condition, what):
    deadline = time.monotonic() + WITHIN_SECONDS
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.1)
    raise TimeoutError(f"Waited {WITHIN_SECONDS} s for {what}.")


def answers(url):
    try:
        return urlopen(url, timeout=2).status == 200
    except OSError:
        return False
