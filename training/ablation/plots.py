"""Results as pictures.

    python -m training.ablation.plots training/results/ablation docs/images/ablation.svg

Identity, retrieval and copying by the yaw that was asked for, a line a method; bars are 95 % intervals over people.
"""

import argparse

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402

from training.ablation.results import read_results  # noqa: E402
from training.measure.statistics import Measured, estimate  # noqa: E402
from training.ablation.table import MAIN  # noqa: E402
from training.measure.evaluate import BINS  # noqa: E402

PANELS = {
    "similarity_to_truth": "Identity: similarity to the true person",
    "top1": "Retrieval: top-1 of 64",
    "pull_to_references": "Copying: degrees pulled to a reference",
    "yaw_error": "Error of the yaw, degrees",
}


def plot(methods: dict[str, Measured], path):
    figure, axes = pyplot.subplots(1, len(PANELS), figsize=(4 * len(PANELS), 3.4))
    for axis, (name, title) in zip(axes, PANELS.items()):
        for index, (label, method) in enumerate(methods.items()):
            values = [estimate(method, f"{name}/{where}") for where in BINS]
            middle = [value for value, _, _ in values]
            spread = [[value - low for value, low, _ in values], [high - value for value, _, high in values]]
            places = [place + 0.06 * (index - len(methods) / 2) for place in range(len(BINS))]
            axis.errorbar(places, middle, spread, marker="o", markersize=4, capsize=2, linewidth=1.4, label=label)
        axis.set_xticks(range(len(BINS)), [f"{where}°" for where in BINS])
        axis.set_title(title, fontsize=10)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].legend(frameon=False, fontsize=8)
    figure.tight_layout()
    figure.savefig(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results")
    parser.add_argument("out")
    arguments = parser.parse_args()
    results = read_results(arguments.results)
    wanted = [(name, 1 if name == "single-view" else 3) for name in (*MAIN, "true")]
    plot({name: results[name, count] for name, count in wanted if (name, count) in results}, arguments.out)


if __name__ == "__main__":
    main()
