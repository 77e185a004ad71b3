"""Generated clips beside the truth, to look at.

    python -m training.measure.sheet generated.safetensors sheet.png                       # the first sixteen people, not chosen
    python -m training.measure.sheet generated.safetensors best.png --scores scores.json --by similarity_to_truth --worst

Two rows a person: the references that were given and the truth; below it the generated frames, at the same instants.
"""

import argparse
import json
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from training.measure.cases import Cases, held_out_cases
from training.measure.score import read_generated

INSTANTS = 6


def sheet(cases: Cases, frames: Tensor, num_references: int, people: list[int], columns: int = 2) -> Image.Image:
    """frames uint8 [N, F, 3, S, S]"""
    size = frames.shape[-1]
    instants = torch.linspace(0, frames.shape[1] - 1, INSTANTS).round().long()
    blocks = []
    for i in people:
        references = torch.cat(list(cases.references[i, :num_references]), -1)
        above = torch.cat([references, torch.cat(list(cases.truth[i, instants]), -1)], -1)
        made = torch.cat(list(frames[i, instants]), -1)
        below = torch.cat([torch.full((3, size, num_references * size), 255, dtype=torch.uint8), made], -1)
        blocks.append(torch.nn.functional.pad(torch.cat([above, below], -2), (6, 6, 6, 6), value=255))
    while len(blocks) % columns:
        blocks.append(torch.full_like(blocks[0], 255))
    rows = [torch.cat(blocks[start : start + columns], -1) for start in range(0, len(blocks), columns)]
    return Image.fromarray(torch.cat(rows, -2).permute(1, 2, 0).numpy())


def ranked(scores: dict, figure: str) -> list[int]:
    """People by a figure of training.measure.score, the largest mean first."""
    means = [sum(row[figure]) / len(row[figure]) for row in scores["rows"]]
    return sorted(range(len(means)), key=lambda i: -means[i])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("generated")
    parser.add_argument("out")
    parser.add_argument("--people", type=int, default=16)
    parser.add_argument("--scores", help="of training.measure.score: the best people by --by rather than the first")
    parser.add_argument("--by", default="similarity_to_truth")
    parser.add_argument("--worst", action="store_true")
    arguments = parser.parse_args()
    frames, settings = read_generated(arguments.generated)
    cases = held_out_cases(len(frames), frames.shape[1], settings["size"], settings["fps"])
    people = list(range(len(frames)))
    if arguments.scores:
        people = ranked(json.loads(Path(arguments.scores).read_text()), arguments.by)
        people = people[::-1] if arguments.worst else people
    sheet(cases, frames, settings["num_references"], people[: arguments.people]).save(arguments.out)


if __name__ == "__main__":
    main()
