"""Curation on films of a disk whose colour tells its angle: what finds, follows, chooses, cuts out and reports is the real thing."""

import json

import av
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from scipy.ndimage import find_objects, label

from training.curate.__main__ import number_of, run
from training.curate.coverage import bin_name, bins, spread_views
from training.curate.detect import Face
from training.curate.prove import HEIGHT, KINDS, WIDTH, Head, judge, paste, path_of, true_matte
from training.curate.settings import with_changes
from training.curate.track import Tracker
from training.dataset import read_clip, read_reference, read_rows

HERE = "training.tests.test_curate"
FRAMES = 12


def make_detector():
    return lambda image: [Face(box, 1.0, np.zeros((6, 2))) for box in disks(image)]


def make_pose():
    def pose(image, face):
        x, y = ((face.box[:2] + face.box[2:]) / 2).astype(int)
        return np.array([float(image[y, x, 0]) - 128, 0.0, 0.0])

    return pose


def make_matting():
    return lambda image: (image[..., 1] > 170).astype(np.float32)


def disks(image):
    """Boxes of the green disks; one that the frame cuts off is as wide as it is high, as a detector would guess."""
    boxes = []
    for y, x in find_objects(label(image[..., 1] > 170)[0]):
        left = x.stop - (y.stop - y.start) if x.start == 0 else x.start
        boxes.append(np.array([left, y.start, x.stop, y.stop], float))
    return boxes


def film(path, shots, size=(160, 96)):
    """shots: lists of (yaw of each frame, center x, radius), one a disk; every shot before a grey of its own."""
    width, height = size
    y, x = np.mgrid[:height, :width]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=8, options={"crf": "5"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv444p"
        for number, shot in enumerate(shots):
            for frame in range(FRAMES):
                image = np.full((height, width, 3), 30 + 60 * (number % 2), np.uint8)
                for yaw, center, radius in shot:
                    inside = (x - center) ** 2 + (y - height / 2) ** 2 < radius**2
                    image[inside] = (128 + round(yaw[frame]), 220, 128)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())


def turning(low=-60, high=60):
    return np.linspace(low, high, FRAMES)


def settings(**changes):
    python = lambda name: {"kind": "python", "factory": f"{HERE}:make_{name}"}
    given = {
        "clip": {"width": 32, "height": 32, "num_frames": 9, "head_scale": 1.6},
        "faces": {"min_width": 20},
        "references": {"count": 3},
        "models": {name: python(name) for name in ("detector", "pose", "matting")},
    }
    for section, values in changes.items():
        given[section] = {**given.get(section, {}), **values}
    return with_changes(given)


@pytest.fixture
def videos(tmp_path):
    folder = tmp_path / "videos"
    folder.mkdir()
    film(folder / "turns.mp4", [[(turning(), 80, 18)], [(turning(-5, 5), 80, 18)]])
    film(folder / "small.mp4", [[(turning(), 80, 6)]])
    film(folder / "cut-off.mp4", [[(turning(), 4, 18)]])
    (folder / "broken.mp4").write_bytes(b"not a film")
    (folder / "notes.txt").write_text("no video")
    return folder


def reasons(out, video):
    report = json.loads((out / "report.json").read_text())
    return [row["reason"] for record in report["records"] if record["video"] == video for row in record["segments"]]


def test_a_folder_becomes_clips_references_and_a_report(videos, tmp_path):
    out = tmp_path / "out"
    report = run(videos, out, settings())
    assert report["clips_kept"] == 1
    assert reasons(out, "turns.mp4") == [None, "too little coverage"]
    assert reasons(out, "small.mp4") == ["face too small"]
    assert reasons(out, "cut-off.mp4") == ["head out of frame"]
    assert list(report["unreadable"]) == ["broken.mp4"]

    (shard,) = sorted((out / "clips").glob("*.safetensors"))
    tensors = load_file(shard)
    assert tensors["clips"].shape == (1, 9, 3, 32, 32)
    assert tensors["references"].shape == (1, 3, 3, 32, 32)
    assert tensors["clips"].dtype == torch.uint8
    assert np.ptp(tensors["yaw"][0].numpy()) > 80
    # On white, with the disk left in the middle.
    assert (tensors["references"][0, :, :, 0, 0] == 255).all()
    assert (tensors["references"][0, :, 1, 16, 16] > 200).all()
    assert (tensors["references"][0, :, 2, 16, 16] < 160).all()
    yaws = tensors["yaw"][0][tensors["reference_frames"][0]]
    assert min(abs(a - b) for i, a in enumerate(yaws) for b in yaws[:i]) >= 15
    assert json.loads((out / "data.json").read_text())["num_clips"] == 1
    assert "too little coverage" in (out / "report.html").read_text()


def test_videos_are_what_a_fine_tuning_reads(videos, tmp_path):
    out = tmp_path / "out"
    run(videos, out, settings(clip={"layout": "videos"}))
    (row,) = read_rows(out)
    assert "turn" in row.caption
    assert len(row.references) == 3
    assert read_clip(row.clip, 9, 8, 32, 32).shape == (9, 3, 32, 32)
    assert (read_reference(row.references[0], 32, 32)[:, 0, 0] == 255).all()
    assert json.loads((out / "data.json").read_text())["clips"] == str(out)
    run(videos, out, settings(clip={"layout": "videos"}, coverage={"min_yaw_range": 170}))
    assert (out / "clips.jsonl").read_text() == ""
    assert not list((out / "clips").iterdir()) and not list((out / "references").iterdir())


def test_goes_on_where_it_was_and_reads_again_what_changed(videos, tmp_path, capsys):
    out = tmp_path / "out"
    run(videos, out, settings())
    assert "turns.mp4: 1 of 2 kept" in capsys.readouterr().out
    run(videos, out, settings())
    assert capsys.readouterr().out == ""
    film(videos / "small.mp4", [[(turning(), 80, 18)]])
    run(videos, out, settings())
    assert capsys.readouterr().out == "small.mp4: 1 of 1 kept\n"
    report = run(videos, out, settings(coverage={"min_yaw_range": 120}))
    assert report["clips_kept"] == 0
    assert not list((out / "clips").glob("*.safetensors"))


def test_a_cut_is_never_inside_a_clip(tmp_path):
    (tmp_path / "videos").mkdir()
    film(tmp_path / "videos" / "cut.mp4", [[(turning(-60, 0), 80, 18)], [(turning(0, 60), 80, 18)]])
    report = run(tmp_path / "videos", tmp_path / "out", settings(coverage={"min_yaw_range": 90}))
    assert report["clips_kept"] == 0
    assert report["records"][0]["shots"] == 2


def test_another_person_in_the_cut_out_spoils_it(tmp_path):
    (tmp_path / "videos").mkdir()
    film(tmp_path / "videos" / "close.mp4", [[(turning(), 60, 18), (turning(), 100, 18)]])
    film(tmp_path / "videos" / "apart.mp4", [[(turning(), 60, 18), (turning(), 200, 18)]], size=(256, 96))
    run(tmp_path / "videos", tmp_path / "out", settings(clip={"head_scale": 2.2}))
    assert reasons(tmp_path / "out", "close.mp4") == ["another person"] * 2
    assert reasons(tmp_path / "out", "apart.mp4") == [None, None]


def test_settings_name_the_field():
    with pytest.raises(ValueError, match=r"clip\.framing must be one of head, frame, got 'feet'\.") as error:
        with_changes({"clip": {"framing": "feet", "widht": 3}, "faces": {"min_presence": 2}})
    assert "clip.widht must be one of" in str(error.value)
    assert "faces.min_presence must be a number from 0 to 1, got 2." in str(error.value)


def test_views_are_spread():
    angles = np.array([[0, 0, 0], [5, 0, 0], [40, 0, 0], [80, 0, 0], [-40, 0, 0]])
    assert spread_views(angles, np.arange(5), 3, 15) == [3, 4, 0] or spread_views(angles, np.arange(5), 3, 15)[:2] in ([3, 4], [4, 3])
    assert len(spread_views(angles, np.arange(2), 3, 15)) == 1
    assert bins(angles[:2], 15) == {(0, 0): 2}
    assert bin_name(30, -15) == "P-15,Y+30"


def test_faces_that_pass_keep_their_tracks():
    tracker = Tracker(max_gap_frames=2)
    face = lambda x: Face(np.array([x, 0, x + 40, 40.0]), 1.0, np.zeros((6, 2)))
    for index in range(10):
        tracker.feed(index, [face(100 - 5 * index), face(5 * index)][:: 1 if index % 2 else -1] if index != 4 else [], [None, None])
    assert sorted(len(track.frames) for track in tracker.tracks) == [9, 9]


def test_the_proof_knows_right_from_wrong(tmp_path):
    """One film whose clip is where it should be, one whose clip reaches over a cut."""
    generator = torch.Generator().manual_seed(0)
    angles = path_of(True, False, 40, generator).T.numpy()
    assert np.ptp(angles[:, 0]) > 74
    head = Head(True, angles, np.full((40, 2), [WIDTH / 2, HEIGHT / 2]), np.ones((40, 8, 8), np.float32))
    (tmp_path / "records").mkdir()
    (tmp_path / "clips").mkdir()
    options, crop = settings(clip={"num_frames": 33}), [WIDTH / 2 - 8, HEIGHT / 2 - 8, WIDTH / 2 + 8, HEIGHT / 2 + 8]
    for name, start in (("good.mp4", 3), ("over-a-cut.mp4", 20)):
        frames = torch.from_numpy(angles[3:36].astype(np.float32))
        matte = torch.from_numpy((true_matte(head, 3, np.array(crop), options["clip"]) * 255).round().astype(np.uint8))
        tensors = {"yaw": frames[None, :, 0] + 2, "pitch": frames[None, :, 1], "roll": frames[None, :, 2],
                   "reference_alphas": matte[None, None, None], "reference_frames": torch.zeros(1, 1, dtype=torch.int64)}  # fmt: skip
        save_file({key: value.contiguous() for key, value in tensors.items()}, tmp_path / "clips" / f"{number_of(name)}000.safetensors")
        row = {"start": start, "stop": start + 33, "reason": None, "crop": crop, "shard": f"{number_of(name)}000.safetensors", "place": 0}
        (tmp_path / "records" / f"{number_of(name)}.json").write_text(json.dumps({"shots": 1, "segments": [row]}))
    figures = judge({"good.mp4": [[head]], "over-a-cut.mp4": [[head], [head]]}, tmp_path, options)
    assert figures["clips"] == {"kept": 2, "precision": 0.5, "recall": 0.3333, "should_be_kept": 3}
    assert figures["shots"] == {"true": 3, "found": 2}
    assert figures["mean_absolute_error_degrees"]["0-30"] == {"yaw": 2.0, "pitch": 0.0, "roll": 0.0}
    assert figures["mattes"]["intersection_over_union"] == 1.0


def test_a_head_beyond_the_border_is_cut_off():
    picture = torch.zeros(3, HEIGHT, WIDTH)
    ones = torch.ones(3, 10, 10)
    for center in ((0, 0), (WIDTH, HEIGHT), (-50, 20)):
        paste(picture, ones, ones[:1], np.array(center))
    assert picture.sum() == 2 * 3 * 25
    assert set(KINDS) >= {"turns", "nobody"}
