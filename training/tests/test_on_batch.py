"""The training's container against an S3 emulator, at a size that trains in seconds: stopped, resumed, exported; on two nodes; and
what it refuses."""

import hashlib
import json
import subprocess

import pytest

from training.on_batch import gpus_of, parse_arguments
from training.tests.batch_home import REPOSITORY, exit_code, free_port, sigterm, until
from training.tests.toy import toy_config, toy_latents

# A SIGTERM always comes in the middle.
ENDLESS = 100_000
METRICS = "transformer.jsonl"
OFTEN = ("--tick-seconds", "0.5")


def put_config(home, run, **training):
    home.put(f"training/{run}/config.json", toy_config(home.folder / "configs" / run, **training).read_bytes())


def put_latents(home, run):
    """As if the stages before had been done."""
    latents = home.folder / "toy"
    toy_latents(latents)
    for file in (latents / "latents").iterdir():
        home.put(f"training/{run}/data/latents/{file.name}", file.read_bytes())
    home.put(f"training/{run}/data.json", b'{"complete": true}')


def pointer(home, run):
    return home.read_json(f"training/{run}/checkpoint.json")


def require_whole(home, run):
    """The checkpoint that the pointer names, every file of it in its size."""
    found = pointer(home, run)
    sizes = {path: len(home.read(found["prefix"] + path)) for path in found["files"]}
    assert sizes == found["files"]
    return found


def test_a_stopped_run_goes_on_elsewhere_and_ends_as_a_model(home):
    put_config(home, "heads", steps=ENDLESS, checkpoint_every_seconds=1)
    first = home.start("heads", "first", *OFTEN)
    until(lambda: pointer(home, "heads") or first.poll() is not None, "a checkpoint")
    sigterm(first)
    assert exit_code(first) == 75
    assert home.read_json("training/heads/progress.json")["state"] == "stopped"
    stopped_at = require_whole(home, "heads")["step"]
    assert 0 < stopped_at < ENDLESS
    assert home.read_json("training/heads/data.json") == {"complete": True}
    assert home.keys("heads/") == []

    # What a killed attempt leaves: half a checkpoint, newer than the pointer. It must not be taken.
    home.put(f"training/heads/checkpoints/{stopped_at + 1:08d}-killed-1/transformer.pt", b"half")
    put_config(home, "heads", steps=stopped_at + 3)
    second = home.start("heads", "second", AWS_BATCH_JOB_ATTEMPT="2")
    assert exit_code(second) == 0
    log = second.log.read_text()
    assert f", from step {stopped_at}\n" in log
    progress = home.read_json("training/heads/progress.json")
    assert (progress["state"], progress["step"], progress["attempt"]) == ("succeeded", stopped_at + 3, 2)
    assert isinstance(progress["loss"], float)
    assert require_whole(home, "heads")["step"] == stopped_at + 3
    # The metrics of all attempts, none twice.
    rows = home.read(pointer(home, "heads")["prefix"] + METRICS).decode().splitlines()
    assert [json.loads(row)["step"] for row in rows] == list(range(1, stopped_at + 4))

    model = home.folder / "model"
    home.download("heads", model)
    hashes = json.loads((model / "sha256.json").read_text())
    files = {str(path.relative_to(model)) for path in model.rglob("*") if path.is_file()} - {"sha256.json"}
    assert hashes == {file: hashlib.sha256((model / file).read_bytes()).hexdigest() for file in files}
    inspected = subprocess.run(
        ["node", "bin/mv2id.js", "model", "inspect", str(model)], cwd=REPOSITORY, capture_output=True, text=True
    )
    print(inspected.stdout, inspected.stderr)
    assert inspected.returncode == 0

    # Asked for again, it changes nothing.
    before = {key: home.s3.head_object(Bucket=home.bucket, Key=key)["LastModified"] for key in home.keys("heads/")}
    assert exit_code(home.start("heads", "third")) == 0
    after = {key: home.s3.head_object(Bucket=home.bucket, Key=key)["LastModified"] for key in home.keys("heads/")}
    assert after == before


def test_two_nodes_train_one_sharded_model_from_stop_to_stop(home):
    put_config(home, "nodes", steps=ENDLESS, checkpoint_every_seconds=1, sharding="full")
    put_latents(home, "nodes")

    def start(attempt):
        port = ("--port", str(free_port()), *OFTEN)
        shared = {"AWS_BATCH_JOB_NUM_NODES": "2", "AWS_BATCH_JOB_MAIN_NODE_INDEX": "0", "AWS_BATCH_JOB_ATTEMPT": str(attempt)}
        shared["AWS_BATCH_JOB_ID"] = "0a1b2c3d-job"
        other = {"AWS_BATCH_JOB_NODE_INDEX": "1", "AWS_BATCH_JOB_MAIN_NODE_PRIVATE_IPV4_ADDRESS": "127.0.0.1"}
        return [
            home.start("nodes", f"node-0-{attempt}", *port, **shared, AWS_BATCH_JOB_NODE_INDEX="0"),
            home.start("nodes", f"node-1-{attempt}", *port, **shared, **other),
        ]

    for attempt in (1, 2):
        before = (pointer(home, "nodes") or {"step": 0})["step"]
        nodes = start(attempt)
        until(
            lambda: (pointer(home, "nodes") or {"step": 0})["step"] > before or any(n.poll() is not None for n in nodes),
            "a checkpoint",
        )
        for node in nodes:
            sigterm(node)
        assert [exit_code(node) for node in nodes] == [75, 75]
        found = require_whole(home, "nodes")
        assert found["step"] > before
        # Each node has brought the part of its own process.
        assert {"transformer/%08d/__%d_0.distcp" % (found["step"], rank) for rank in (0, 1)} <= set(found["files"])
        if attempt == 2:
            assert f", from step {before}\n" in nodes[0].log.read_text()


def test_a_wrong_config_fails_with_a_sentence_and_is_not_tried_again(home):
    def refused(run):
        process = home.start(run, run)
        assert exit_code(process) == 64
        progress = home.read_json(f"training/{run}/progress.json")
        assert progress["state"] == "failed"
        return progress["error"]

    assert refused("absent") == "run must have a config.json under training/absent/, got none."
    home.put("training/torn/config.json", b'{"seed": ')
    assert refused("torn").startswith("training/torn/config.json must be JSON, got ")
    config = json.loads(toy_config(home.folder / "config").read_text())
    home.put("training/wrong/config.json", json.dumps(config | {"seed": -1}).encode())
    assert refused("wrong") == "seed must be a whole number from 0 to 2147483647, got -1."
    put_config(home, "taken")
    home.put("taken/model_index.json", b"{}")
    assert refused("taken") == "run must not have the name of a model in the bucket, got taken."
    assert home.keys("taken/") == ["taken/model_index.json"]


@pytest.mark.parametrize(
    "variables, message",
    [
        ({"MV2ID_TRAINING_RUN": ""}, "MV2ID_TRAINING_RUN must be set, got nothing."),
        ({"MV2ID_MODELS_BUCKET": ""}, "MV2ID_MODELS_BUCKET must be set, got nothing."),
        ({"MV2ID_TRAINING_RUN": "training"}, "run must be s3://<bucket>/training/<run>/, got "),
        ({"MV2ID_TRAINING_RUN": ".."}, "run must be s3://<bucket>/training/<run>/, got "),
        ({"MV2ID_TRAINING_GPUS": "all"}, "MV2ID_TRAINING_GPUS must be a whole number of at most "),
        ({"MV2ID_TRAINING_GPUS": "99"}, "MV2ID_TRAINING_GPUS must be a whole number of at most "),
    ],
)
def test_a_wrong_environment_is_told(variables, message):
    good = {"MV2ID_TRAINING_RUN": "heads", "MV2ID_MODELS_BUCKET": "models"}
    assert parse_arguments([], good).name == "heads"
    with pytest.raises(ValueError) as error:
        parse_arguments([], good | variables)
        gpus_of(good | variables)
    assert str(error.value).startswith(message)
