"""The report of a curation: report.json, report.png and a self-contained report.html, made from the records of all workers."""

from __future__ import annotations

import base64
import html
import json
from collections import Counter
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.image as image_files
import matplotlib.pyplot as plt
import numpy as np

from training.curate.coverage import bins
from training.curate.segments import REASONS
from training.files import write_json_atomically

YAW_LIMIT, PITCH_LIMIT, SHOWN = 90, 45, 200


def write_report(out: Path, videos: list[str], settings: dict) -> dict:
    """Records of `videos` (names) -> OUT/data.json and the three reports. -> the report"""
    records = [json.loads(path.read_text()) for path in sorted((out / "records").glob("*.json"))]
    records = sorted((record for record in records if record["video"] in set(videos)), key=lambda record: record["video"])
    report = summary(records, videos, settings)
    write_json_atomically(data_section(report, settings, out), out / "data.json")
    if settings["clip"]["layout"] == "videos":
        list_clips(records, out)
    (out / "report.json").write_text(json.dumps(report, indent=1, sort_keys=True))
    draw(report, records, out)
    (out / "report.html").write_text(page(report, records, out))
    return report


def summary(records: list[dict], videos: list[str], settings: dict) -> dict:
    rows = [row for record in records for row in record["segments"]]
    kept = [row for row in rows if row["reason"] is None]
    angles = np.concatenate([np.array(row["angles"]) for row in kept]) if kept else np.zeros((0, 3))
    views = np.concatenate([np.array(row["reference_angles"]) for row in kept]) if kept else np.zeros((0, 3))
    degrees = settings["coverage"]["bin_degrees"]
    table = lambda values: [[yaw, pitch, count] for (yaw, pitch), count in sorted(bins(values, degrees).items())]
    without = [record["video"] for record in records if not record["problem"] and not record["segments"]]
    return {
        "settings": settings, "videos": len(videos), "videos_done": len(records), "clips_kept": len(kept),
        "not_kept": dict(Counter(row["reason"] for row in rows if row["reason"])),
        "unreadable": {record["video"]: record["problem"] for record in records if record["problem"]},
        "without_face": without, "frames_by_yaw_pitch": table(angles), "references_by_yaw_pitch": table(views),
        "records": records,
    }  # fmt: skip


def list_clips(records: list[dict], out: Path) -> None:
    """Writes OUT/clips.jsonl (training/dataset.py); one person's clips stand together."""
    lines = []
    for record in records:
        for row in record["segments"]:
            if row["reason"] is None:
                name = f"{row['shard']}-{row['place']}"
                views = [f"references/{name}-{view}.png" for view in range(len(row["reference_frames"]))]
                yaws = [round(angles[0]) for angles in row["reference_angles"]]
                line = {"clip": f"clips/{name}.mp4", "caption": row["caption"], "references": views, "reference_yaws": yaws}
                lines.append(json.dumps(line | {"video": record["video"]}, ensure_ascii=False) + "\n")
    partial = out / "clips.jsonl.partial"
    partial.write_text("".join(lines))
    partial.replace(out / "clips.jsonl")


def data_section(report: dict, settings: dict, out: Path) -> dict:
    """The `data` section of a training's config that fits the clips."""
    clip = settings["clip"]
    if clip["layout"] == "videos":
        area = clip["width"] * clip["height"]
        return {"clips": str(out), "fps": clip["fps"], "areas": [area], "side_step": 16, "num_frames": [clip["num_frames"]]}
    return {
        "num_clips": max(1, report["clips_kept"]), "num_frames": clip["num_frames"], "size": clip["height"], "fps": clip["fps"],
        "references_per_clip": settings["references"]["count"], "clips_per_shard": clip["clips_per_shard"],
    }  # fmt: skip


def draw(report: dict, records: list[dict], out: Path) -> None:
    """OUT/report.png: what became of the tracks, yaw and pitch of the kept frames, and some of the clips."""
    figure = plt.figure(figsize=(13, 9.4), layout="constrained")
    top, bottom = figure.subfigures(2, 1, height_ratios=[1, 1.15])
    outcome, frames, references = top.subplots(1, 3, width_ratios=[1.1, 1, 1])
    counts = {"kept": report["clips_kept"], **{name: report["not_kept"].get(name, 0) for name in REASONS}}
    counts |= {"no face in video": len(report["without_face"]), "unreadable video": len(report["unreadable"])}
    counts = {name: count for name, count in counts.items() if count or name == "kept"}
    bars = outcome.barh(list(counts), list(counts.values()), color=["#2a7f4f"] + ["#b0483c"] * (len(counts) - 1))
    outcome.bar_label(bars, padding=2)
    outcome.invert_yaxis()
    outcome.spines[["top", "right"]].set_visible(False)
    outcome.set_title("what became of the tracks and videos")
    _heat(frames, report["frames_by_yaw_pitch"], report["settings"], "frames of kept clips")
    _heat(references, report["references_by_yaw_pitch"], report["settings"], "references")
    shown = [row for record in records for row in record["segments"] if row["reason"] is None and row["thumbnails"]][:8]
    axes = bottom.subplots(4, 2)
    for axis in axes.flat:
        axis.axis("off")
    for axis, row in zip(axes.flat, shown):
        pictures = [image_files.imread(out / "thumbnails" / name) for name in row["thumbnails"]]
        axis.imshow(np.concatenate(pictures, 1) if len({p.shape for p in pictures}) == 1 else pictures[0])
        views = " ".join(f"{yaw:+.0f}" for yaw, _, _ in row["reference_angles"])
        axis.set_title(f"{row['caption'][:100]}\nreferences at yaw {views}", fontsize=8)
    figure.savefig(out / "report.png", dpi=110)
    plt.close(figure)


def _heat(axis, table: list[list[int]], settings: dict, title: str) -> None:
    step = int(settings["coverage"]["bin_degrees"])
    yaws, pitches = np.arange(-YAW_LIMIT, YAW_LIMIT + 1, step), np.arange(-PITCH_LIMIT, PITCH_LIMIT + 1, step)
    grid = np.zeros((len(pitches), len(yaws)))
    for yaw, pitch, count in table:
        i = np.clip(round((pitch + PITCH_LIMIT) / step), 0, len(pitches) - 1)
        j = np.clip(round((yaw + YAW_LIMIT) / step), 0, len(yaws) - 1)
        grid[i, j] += count
    axis.imshow(np.sqrt(grid), origin="lower", cmap="viridis", aspect="auto")
    for (i, j), count in np.ndenumerate(grid):
        if count:
            axis.text(j, i, f"{count:.0f}", ha="center", va="center", fontsize=7, color="white" if count < grid.max() / 2 else "black")
    axis.set_xticks(range(len(yaws)), yaws, rotation=90)
    axis.set_yticks(range(len(pitches)), pitches)
    axis.set(xlabel="yaw, degrees (left +)", ylabel="pitch, degrees (up +)", title=title)


def page(report: dict, records: list[dict], out: Path) -> str:
    """One HTML file with every picture inside; the first SHOWN rows, the rest stands in report.json."""
    embed = lambda path, kind: f"data:image/{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"
    rows = []
    for record in records:
        if record["problem"]:
            rows.append((record["video"], "", "unreadable video", record["problem"], []))
        elif not record["segments"]:
            rows.append((record["video"], "", "no face in video", "", []))
        for row in record["segments"]:
            span = f"{row['start']}-{row['stop']}"
            detail = row.get("caption") or row.get("matte_problem") or REASONS[row["reason"]]
            rows.append((record["video"], span, row["reason"] or "kept", detail, row["thumbnails"]))
    cells = []
    for video, span, outcome, detail, thumbnails in rows[:SHOWN]:
        pictures = "".join(f'<img alt="" src="{embed(out / "thumbnails" / name, "jpeg")}">' for name in thumbnails)
        texts = "".join(f"<td>{html.escape(text)}</td>" for text in (video, span, outcome, detail))
        cells.append(f'<tr class="{"kept" if outcome == "kept" else "not"}">{texts}<td>{pictures}</td></tr>')
    return f"""<!doctype html><html lang="en"><meta charset="utf-8"><title>Curation report</title>
<style>body{{font:14px/1.4 system-ui,sans-serif;margin:2rem;max-width:1300px}}td,th{{padding:.3rem .6rem;text-align:left;
vertical-align:top;border-bottom:1px solid #ddd}}.kept td:nth-child(3){{color:#176b3a;font-weight:600}}
.not td:nth-child(3){{color:#9c2f24}}td img{{height:64px}}</style>
<h1>Curation report</h1>
<p>{report["clips_kept"]} clips kept; {report["videos_done"]} of {report["videos"]} videos done.</p>
<p><img alt="What became of the tracks, and yaw and pitch of what was kept" style="width:100%" src="{embed(out / "report.png", "png")}"></p>
<table><tr><th>video<th>samples<th>outcome<th>why, or the caption<th>first, middle, last frame, references</tr>
{"".join(cells)}</table>
<p>{max(0, len(rows) - SHOWN)} more rows stand in report.json, with every setting.</p></html>"""
