"""A folder of clips to fine-tune on: FOLDER/clips.jsonl, one clip a line, with paths inside the folder.

    {"clip": "clips/ada-03.mp4", "caption": "a woman turns to the left ...", "references": ["references/ada-03-0.png", ...]}

Further keys are allowed and ignored. References are pictures of the person, cut out on white, from the same clip.
"""

import json
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
import torch
from PIL import Image, ImageOps

LIST = "clips.jsonl"


class Row(NamedTuple):
    clip: Path
    caption: str
    references: list[Path]


class Probe(NamedTuple):
    width: int
    height: int
    seconds: float


def read_rows(folder) -> list[Row]:
    """Raises ValueError naming the line that is wrong, and FileNotFoundError naming a file that is not there."""
    folder = Path(folder)
    rows = []
    for number, line in enumerate((folder / LIST).read_text().splitlines(), 1):
        where = f"{folder / LIST}:{number}"
        try:
            value = json.loads(line)
        except ValueError:
            raise ValueError(f"{where} must be JSON, got {line[:40]!r}.") from None
        if not isinstance(value, dict):
            raise ValueError(f"{where} must be an object, got {line[:40]!r}.")
        clip, caption, references = (value.get(key) for key in ("clip", "caption", "references"))
        if not isinstance(clip, str):
            raise ValueError(f"{where}: clip must be a path, got {clip!r}.")
        if not isinstance(caption, str):
            raise ValueError(f"{where}: caption must be a text, got {caption!r}.")
        if not (isinstance(references, list) and references and all(isinstance(path, str) for path in references)):
            raise ValueError(f"{where}: references must be a list of paths, at least one, got {references!r}.")
        row = Row(folder / clip, caption, [folder / path for path in references])
        for path in (row.clip, *row.references):
            if not path.is_file():
                raise FileNotFoundError(f"{where}: {path} must be a file, got none.")
        rows.append(row)
    if not rows:
        raise ValueError(f"{folder / LIST} must list at least one clip, got none.")
    return rows


def probe(path) -> Probe:
    """Raises ValueError when the file holds no video."""
    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            seconds = stream.frames / float(stream.average_rate) if stream.frames else container.duration / av.time_base
            return Probe(stream.codec_context.width, stream.codec_context.height, seconds)
    except (av.FFmpegError, IndexError, TypeError) as error:
        raise ValueError(f"{path} must be a video, got {error}.") from error


def read_clip(path, num_frames: int, fps: float, height: int, width: int) -> torch.Tensor:
    """The middle of the clip at that rate, each frame scaled to cover height x width and cropped. -> uint8 [F, 3, H, W]"""
    start = max(0.0, (probe(path).seconds - num_frames / fps) / 2)
    frames = []
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        half = 0.5 / float(stream.average_rate)
        origin = None
        for frame in container.decode(stream):
            origin = frame.time if origin is None else origin
            # One frame may be due several times, where the clip has fewer a second.
            image = None
            while len(frames) < num_frames and frame.time - origin + half > start + len(frames) / fps:
                image = image if image is not None else cover(frame.to_image(), height, width)
                frames.append(image)
            if len(frames) == num_frames:
                break
    if not frames:
        raise ValueError(f"{path} must hold frames, got none.")
    frames += frames[-1:] * (num_frames - len(frames))  # the last one's display time
    return torch.stack(frames)


def cover(image: Image.Image, height: int, width: int) -> torch.Tensor:
    return pixels(ImageOps.fit(image, (width, height), Image.Resampling.LANCZOS))


def read_reference(path, height: int, width: int) -> torch.Tensor:
    """Scaled to fit within height x width, centred on white, as Phantom-Wan does. -> uint8 [3, H, W]"""
    with Image.open(path) as image:
        image = ImageOps.exif_transpose(image).convert("RGBA")
    white = Image.new("RGBA", image.size, "white")
    white.alpha_composite(image)
    return pixels(ImageOps.pad(white.convert("RGB"), (width, height), Image.Resampling.LANCZOS, color="white"))


def pixels(image: Image.Image) -> torch.Tensor:
    return torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1).contiguous()


def write_video(path, frames: torch.Tensor, fps: float):
    """frames uint8 [F, 3, H, W], even sides -> H.264"""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=round(fps), options={"crf": "18"})
        stream.height, stream.width, stream.pix_fmt = frames.shape[2], frames.shape[3], "yuv420p"
        for frame in frames.permute(0, 2, 3, 1).contiguous().numpy():
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
