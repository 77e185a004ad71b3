"""Training curves of a run as one PNG.

    python -m training.plot training/runs/tiny training-curves.png
"""

import argparse
import json
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402


def read(run, stage):
    return [json.loads(line) for line in (Path(run) / f"{stage}.jsonl").read_text().splitlines()]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run")
    parser.add_argument("out")
    arguments = parser.parse_args()
    figure, axes = plt.subplots(1, 3, figsize=(13, 3.6), layout="constrained")
    vae = read(arguments.run, "vae")
    transformer = read(arguments.run, "transformer")
    panels = (
        (vae, "loss", "VAE: L1 + gradient loss", "log"),
        (vae, "psnr", "VAE: PSNR of training batches (dB)", "linear"),
        (transformer, "loss", "transformer: velocity MSE", "log"),
    )
    for axis, (rows, key, title, scale) in zip(axes, panels):
        axis.plot([row["step"] for row in rows], [row[key] for row in rows], linewidth=1.2, color="#2b6cb0")
        axis.set(title=title, xlabel="step", yscale=scale)
        axis.grid(alpha=0.3)
    figure.savefig(arguments.out, dpi=110)


if __name__ == "__main__":
    main()
