"""Fill the tables of docs/evidence.md from the results in training/results, each between its two markers.

    python -m training.evidence docs/evidence.md [--check]

training/results/network.json (training.measure.evaluate), curation.json (training.curate.prove), shipped/ (training.measure.score
--results) and, once it has been run, ablation/ (training.ablation.run). With --check nothing is written, and a table that differs ends with 1.
"""

import argparse
import json
import re
import sys
from pathlib import Path

from training.ablation.results import read_results
from training.ablation.table import MAIN, SWEEPS, table
from training.measure.evaluate import BINS
from training.measure.people import TRAITS
from training.measure.statistics import Measured, difference, estimate

RESULTS = Path("training/results")
SHIPPED = {
    "similarity_to_references": "MvRC: similarity to the references",
    "similarity_to_truth": "similarity to the true person at the asked pose",
    "top1_by_references": "retrieval by the references, top-1 of 64",
    "top1": "retrieval by pictures in another scene, top-1 of 64",
    "yaw_error": "error of the yaw, degrees",
    "pull_to_references": "pulled to a reference, degrees",
    "pixel_error_db": "PSNR against the true frame, dB",
}
OF_CLIPS = {
    "closeness_away": "closeness to a reference, 20 degrees and more away from it",
    "pull_away": "pull to a reference there, degrees",
    "trait_recall": "recall of traits",
    "trait_false_alarms": "traits where none is",
    "yaw_jerk": "jerk of the yaw, degrees/s³",
    "yaw_jumps": "steps that jump",
    "yaw_correlation": "correlation of the yaw with the asked path",
    "flicker": "flicker, of 255",
}


def rows(lines) -> str:
    """The first line is the heading."""
    head, *rest = [[str(value) for value in line] for line in lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in [head, ["---"] * len(head), *rest])


def pose_table(network: dict) -> str:
    lines = [["yaw, either side", *(f"{kind}: {axis}" for kind in ("renders", "softened") for axis in ("yaw", "pitch", "roll"))]]
    for where in BINS:
        errors = [network[kind]["mean_absolute_error_degrees"][where] for kind in ("renders", "softened")]
        lines.append([where, *(f"{error[axis]:.1f}" for error in errors for axis in ("yaw", "pitch", "roll"))])
    return rows(lines)


def identity_table(network: dict) -> str:
    lines = [["pairs of pictures, by their yaw", "renders", "softened"]]
    lines += [[pair, f"{auc:.4f}", f"{network['softened']['verification_auc'][pair]:.4f}"] for pair, auc in network["renders"]["verification_auc"].items()]
    return rows(lines)


def trait_table(network: dict) -> str:
    lines = [["trait", "AUC", "recall", "false alarms", "recall, softened"]]
    for trait, seen in network["renders"]["traits"].items():
        values = (seen["auc"], seen["recall"], seen["false alarms"], network["softened"]["traits"][trait]["recall"])
        lines.append([trait, *(f"{value:.3f}" for value in values)])
    return rows(lines)


def with_interval(method: Measured, figure: str, decimals: int) -> str:
    value, low, high = estimate(method, figure)
    return f"{value:.{decimals}f} ({low:.{decimals}f} to {high:.{decimals}f})"


def decimals_of(figure: str) -> int:
    return 1 if figure in ("yaw_error", "pull_to_references", "pixel_error_db", "pull_away") else 0 if figure == "yaw_jerk" else 3


def shipped_tables(shipped: dict) -> tuple[str, str]:
    columns = [("one reference", shipped["shipped", 1]), ("three references", shipped["shipped", 3]), ("true clips", shipped["true", 3])]
    frames = [["figure", "yaw, either side", *(name for name, _ in columns)]]
    for figure, label in SHIPPED.items():
        for where in BINS:
            if figure == "pixel_error_db":
                frames.append([label, where, *(with_interval(m, f"{figure}/{where}", 1) for _, m in columns[:2]), ""])
            else:
                frames.append([label, where, *(with_interval(m, f"{figure}/{where}", decimals_of(figure)) for _, m in columns)])
    clips = [["figure", *(name for name, _ in columns)]]
    clips += [[label, *(with_interval(m, figure, decimals_of(figure)) for _, m in columns)] for figure, label in OF_CLIPS.items()]
    for trait in TRAITS:
        figure = f"trait_recall/{trait}"
        clips.append([f"recall of the {trait}", *(with_interval(m, figure, 3) for _, m in columns)])
    return rows(frames), rows(clips)


def claims(shipped: dict) -> str:
    """What three references give beyond one, in per cent, with the paired difference."""
    one, three = shipped["shipped", 1], shipped["shipped", 3]
    lines = [["yaw, either side", "one", "three", "difference (95 %, paired)", "in per cent"]]
    for where in BINS:
        figure = f"similarity_to_truth/{where}"
        value, low, high = difference(three, one, figure)
        lines.append([where, with_interval(one, figure, 3), with_interval(three, figure, 3),
                      f"{value:+.3f} ({low:+.3f} to {high:+.3f})", f"{100 * value / estimate(one, figure)[0]:+.1f} %"])  # fmt: skip
    return rows(lines)


def ablation_tables(results: dict) -> dict[str, str]:
    of = lambda name: results.get((name, 1 if name == "single-view" else 3))
    lines = [(name, of(name)) for name in MAIN if of(name)]
    lines += [("full, one reference", results["full", 1])] if ("full", 1) in results else []
    lines += [("true clips", of("true"))] if of("true") else []
    tables = {"ablation": table(lines, of("vanilla"))}
    parts = []
    for heading, entries in SWEEPS.items():
        lines = [(label, of(name)) for name, label in entries if of(name)]
        if len(lines) > 1:
            parts.append(table(lines, first=heading))
    return tables | {"sweeps": "\n\n".join(parts)}


def curation_table(proof: dict) -> str:
    clips, errors = proof["clips"], proof["mean_absolute_error_degrees"]
    lines = [["figure", ""], ["films, shots, cuts found", f"{proof['films']}, {proof['shots']['true']}, {proof['shots']['found'] - proof['films']}"]]
    lines += [["precision of kept clips", clips["precision"]], ["recall", clips["recall"]]]
    lines += [[f"error at |yaw| {where}", ", ".join(f"{axis} {value:.1f}°" for axis, value in error.items())] for where, error in errors.items()]
    lines += [["pose bin: the same; or its neighbour", f"{proof['bins']['same']:.2f}; {proof['bins']['same_or_next']:.2f}"]]
    lines += [["mattes: mean error of alpha; IoU", f"{proof['mattes']['mean_absolute_error']:.3f}; {proof['mattes']['intersection_over_union']:.3f}"]]
    return rows(lines)


def all_tables(folder: Path = RESULTS) -> dict[str, str]:
    network = json.loads((folder / "network.json").read_text())
    shipped = read_results(folder / "shipped")
    frames, clips = shipped_tables(shipped)
    tables = {
        "pose": pose_table(network), "identity": identity_table(network), "traits": trait_table(network), "claims": claims(shipped),
        "shipped": frames, "shipped clips": clips, "curation": curation_table(json.loads((folder / "curation.json").read_text())),
    }  # fmt: skip
    return tables | (ablation_tables(read_results(folder / "ablation")) if (folder / "ablation").exists() else {})


def filled(text: str, tables: dict[str, str]) -> str:
    """text with every `<!-- table: NAME -->` ... `<!-- end -->` filled. Raises KeyError for a name that is no table's."""
    return re.sub(r"(<!-- table: ([\w ]+) -->\n).*?(<!-- end -->)", lambda m: f"{m[1]}\n{tables[m[2]]}\n\n{m[3]}", text, flags=re.DOTALL)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("document", type=Path)
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    before = arguments.document.read_text()
    after = filled(before, all_tables())
    if not arguments.check:
        arguments.document.write_text(after)
    elif before != after:
        sys.exit(f"{arguments.document} must show the results as they are: run python -m training.evidence {arguments.document}.")


if __name__ == "__main__":
    main()
