"""The run in a bucket, against an emulator of S3: what a half upload, a zombie and an interruption may not do."""

import json

import pytest

from training.bucket import Bucket
from training.node import Node
from training.run_store import RunStore, TakenOver


class NeverStopped:
    asked = False


def open_store(bucket, folder, **node):
    folder.mkdir(parents=True, exist_ok=True)
    return RunStore(bucket, "training/heads/", folder, Node(**node))


def write_whole(folder, step):
    (folder / "transformer.pt").write_text(f"weights {step}")
    (folder / "transformer.json").write_text(json.dumps({"step": step, "files": "transformer.pt"}))
    lines = [json.dumps({"step": i, "loss": 1 / i}) + "\n" for i in range(1, step + 3)]
    (folder / "transformer.jsonl").write_text("".join(lines))


def write_part(folder, step, files):
    part = folder / f"transformer/{step:08d}"
    part.mkdir(parents=True)
    for name in files:
        (part / name).write_text(f"{name} {step}")
    (folder / "transformer.json").write_text(json.dumps({"step": step, "files": f"transformer/{step:08d}"}))


def test_a_later_attempt_gets_the_newest_checkpoint_with_its_curve(bucket, tmp_path):
    first = open_store(bucket, tmp_path / "a", job="job", attempt=1)
    for step in (2, 4, 6):
        write_whole(tmp_path / "a", step)
        first.keep_checkpoint()
    second = open_store(bucket, tmp_path / "b", job="job", attempt=2)
    second.fetch_checkpoint(NeverStopped)
    assert (tmp_path / "b/transformer.pt").read_text() == "weights 6"
    rows = (tmp_path / "b/transformer.jsonl").read_text().splitlines()
    assert [json.loads(row)["step"] for row in rows] == [1, 2, 3, 4, 5, 6]
    assert second.local_step() == 6
    folders = {key.split("/")[3] for key in bucket.list("training/heads/checkpoints/")}
    assert folders == {"00000004-job-1", "00000006-job-1"}


def test_what_is_half_uploaded_is_never_taken(bucket, tmp_path, monkeypatch):
    store = open_store(bucket, tmp_path / "a", job="job")
    write_whole(tmp_path / "a", 2)
    store.keep_checkpoint()
    write_whole(tmp_path / "a", 4)
    uploaded = []

    def upload_one(path, key):
        if uploaded:
            raise ConnectionError("the machine is gone")
        uploaded.append(key)
        Bucket.upload(bucket, path, key)

    monkeypatch.setattr(bucket, "upload", upload_one)
    with pytest.raises(ConnectionError):
        store.keep_checkpoint()
    assert uploaded[0] in bucket.list("training/heads/checkpoints/00000004")
    later = open_store(bucket, tmp_path / "b", job="job", attempt=2)
    later.fetch_checkpoint(NeverStopped)
    assert (tmp_path / "b/transformer.pt").read_text() == "weights 2"
    monkeypatch.undo()
    write_whole(tmp_path / "b", 3)
    later.keep_checkpoint()
    assert not bucket.list("training/heads/checkpoints/00000004")


def test_a_checkpoint_of_two_nodes_is_named_when_both_parts_are_there(bucket, tmp_path):
    main = open_store(bucket, tmp_path / "a", job="job", count=2)
    other = open_store(bucket, tmp_path / "b", job="job", count=2, index=1)
    write_part(tmp_path / "a", 2, [".metadata", "__0_0.distcp"])
    write_part(tmp_path / "b", 2, ["__1_0.distcp"])
    main.keep_checkpoint(stop_waiting=lambda: True)
    assert bucket.get_json("training/heads/checkpoint.json") == (None, None)
    other.keep_checkpoint()
    main.keep_checkpoint()
    one = open_store(bucket, tmp_path / "c", job="next")
    one.fetch_checkpoint(NeverStopped)
    names = {path.name for path in (tmp_path / "c/transformer/00000002").iterdir()}
    assert names == {".metadata", "__0_0.distcp", "__1_0.distcp"}
    assert one.local_step() == 2


def test_a_lost_machine_that_comes_back_gives_way_to_the_newer_attempt(bucket, tmp_path):
    lost = open_store(bucket, tmp_path / "a", job="job", attempt=1, began=1.0)
    newer = open_store(bucket, tmp_path / "b", job="job", attempt=2, began=2.0)
    write_whole(tmp_path / "a", 5)
    lost.keep_checkpoint()
    write_whole(tmp_path / "b", 3)
    newer.keep_checkpoint()
    assert bucket.get_json("training/heads/checkpoint.json")[0]["step"] == 3
    write_whole(tmp_path / "a", 7)
    with pytest.raises(TakenOver, match="must be of this attempt, got job, attempt 2"):
        lost.keep_checkpoint()
    assert bucket.get_json("training/heads/checkpoint.json")[0]["step"] == 3


def test_a_run_keeps_the_config_that_it_began_with(bucket, tmp_path):
    given = tmp_path / "config.json"
    given.write_text('{"seed": 1}')
    store = open_store(bucket, tmp_path / "a")
    assert json.loads(store.fetch_config(given).read_text()) == {"seed": 1}
    assert json.loads(store.fetch_config(None).read_text()) == {"seed": 1}
    given.write_text('{"seed": 2}')
    with pytest.raises(ValueError, match="config must be the one that the run began with"):
        store.fetch_config(given)


def test_clips_are_left_where_they_are_once_the_latents_are_complete(bucket, tmp_path):
    store = open_store(bucket, tmp_path / "a")
    for name in ("clips/00000.safetensors", "latents/00000.safetensors", "vae.pt"):
        (tmp_path / "a" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "a" / name).write_text(name)
    store.keep_data()
    open_store(bucket, tmp_path / "b").fetch_data(NeverStopped)
    assert (tmp_path / "b/clips/00000.safetensors").exists()
    store.keep_data(complete=True)
    open_store(bucket, tmp_path / "c").fetch_data(NeverStopped)
    assert not (tmp_path / "c/clips").exists()
    assert (tmp_path / "c/latents/00000.safetensors").read_text() == "latents/00000.safetensors"
