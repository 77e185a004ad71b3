"""Results of a folder by method: every cell of training.ablation.run, its seeds together."""

import json
from collections import defaultdict
from pathlib import Path

from training.measure.statistics import Measured


def read_results(folder) -> dict[tuple[str, int], Measured]:
    """{(variant, references): its seeds}; "true" is the true clips."""
    seeds = defaultdict(list)
    for path in sorted(Path(folder).glob("*.json")):
        result = json.loads(path.read_text())
        references = int(path.stem.rsplit("-", 1)[1])
        seeds[result["variant"], references].append(result["people"])
    if not seeds:
        raise FileNotFoundError(f"{folder} must hold results, got none: run training.ablation.run first.")
    return {method: Measured(people) for method, people in seeds.items()}
