"""Results as Markdown tables.

    python -m training.ablation.table training/results/ablation > tables.md

Every figure stands with its 95 % interval over people; a method that beats or loses to vanilla beyond doubt (the interval
of the paired difference leaves out 0) is marked ▲ or ▼.
"""

import argparse

from training.ablation.results import read_results
from training.measure.statistics import Measured, difference, estimate

# Figure -> (heading, larger is better, decimals)
COLUMNS = {
    "similarity_to_references": ("MvRC", True, 3),
    "similarity_to_truth/60-90": ("identity, 60-90", True, 3),
    "top1/60-90": ("top-1 of 64, 60-90", True, 3),
    "trait_recall": ("traits", True, 3),
    "closeness_away": ("copying", False, 3),
    "pull_away": ("pull to references", False, 1),
    "yaw_error": ("yaw error", False, 1),
    "yaw_jerk": ("jerk", False, 0),
    "flicker": ("flicker", False, 2),
}
MAIN = ("single-view", "vanilla", "rd-rope", "masking", "full")
SWEEPS = {
    "RD-RoPE offset": (("offset-0", "0"), ("full", "1"), ("offset-4", "4"), ("offset-16", "16")),
    "Masked share": (("rd-rope", "0"), ("mask-0.3", "0.3"), ("full", "0.6"), ("mask-0.8", "0.8")),
    "References' timestep": (("full", "zero"), ("timestep-same", "same")),
    "Positions": (("vanilla", "vanilla"), ("full", "RD-RoPE"), ("tass", "tass")),
}


def cell(method: Measured, figure: str, against: Measured | None = None) -> str:
    _, better, decimals = COLUMNS[figure]
    value, low, high = estimate(method, figure)
    text = f"{value:.{decimals}f} ({low:.{decimals}f} to {high:.{decimals}f})"
    if against is None or against is method:
        return text
    _, low, high = difference(method, against, figure)
    if low <= 0 <= high:
        return text
    return f"{text} {'▲' if (low > 0) == better else '▼'}"


def table(rows: list[tuple[str, Measured]], against: Measured | None = None, first="method") -> str:
    heads = [first, *(heading for heading, _, _ in COLUMNS.values())]
    lines = [heads, ["---"] * len(heads)]
    lines += [[label, *(cell(method, figure, against) for figure in COLUMNS)] for label, method in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def tables(results: dict[tuple[str, int], Measured], references: int = 3) -> str:
    """Those of whose methods something was measured."""

    def of(variant):
        return results.get((variant, 1 if variant == "single-view" else references))

    vanilla = of("vanilla")
    rows = [(name, of(name)) for name in MAIN if of(name)]
    rows += [("full, one reference", results["full", 1])] if ("full", 1) in results else []
    rows += [("true clips", of("true"))] if of("true") else []
    parts = [table(rows, vanilla)]
    for heading, entries in SWEEPS.items():
        rows = [(label, of(name)) for name, label in entries if of(name)]
        if len(rows) > 1:
            parts.append(table(rows, first=heading))
    return "\n\n".join(parts)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results")
    print(tables(read_results(parser.parse_args().results)))


if __name__ == "__main__":
    main()
