"""Figures with intervals: a bootstrap over the people that were measured, the same people for every method.

A figure is a ratio of sums, sum over people of [sum, count], so that people with many frames in a bin count as much as they show.
"""

import numpy as np

from training.measure.evaluate import BINS
from training.measure.people import TRAITS

RESAMPLES = 2000
FRAME_FIGURES = (
    "similarity_to_references", "similarity_to_truth", "similarity_to_truth_at_own_pose", "top1", "top1_by_references", "yaw_error",
    "pull_to_references", "pixel_error_db",
)  # fmt: skip
AWAY_FIGURES = {"closeness_away": "closeness_to_reference", "pull_away": "pull_to_references"}
CLIP_FIGURES = ("yaw_jerk", "yaw_jumps", "flicker", "yaw_correlation")
TRAIT_FIGURES = ("trait_recall", "unknown_trait_recall", "trait_false_alarms")


def contributions(row: dict) -> dict[str, list[float]]:
    """What one person's clip adds to every figure: {"figure" or "figure/bin": [sum, count]}. row: of training.measure.score."""
    asked = np.abs(np.array(row["asked_yaw"]))
    away = np.array(row["away_from_references"], dtype=bool)
    result: dict[str, list[float]] = {}
    for name in (name for name in FRAME_FIGURES if name in row):
        values = np.array(row[name])
        result[name] = summed(values)
        for where, (low, high) in BINS.items():
            result[f"{name}/{where}"] = summed(values[(asked >= low) & (asked < high)])
    for name, source in AWAY_FIGURES.items():
        result[name] = summed(np.array(row[source])[away])
    for name in CLIP_FIGURES:
        result[name] = [row[name], 1]
    for name in TRAIT_FIGURES:
        result[name] = np.sum(row[name], axis=0).tolist()
        for trait, counts in zip(TRAITS, row[name]):
            result[f"{name}/{trait}"] = counts
    return result


def summed(values: np.ndarray) -> list[float]:
    return [round(float(values.sum()), 4), len(values)]


class Measured:
    """One method's contributions, [seeds][people]; every seed measured the same people."""

    def __init__(self, seeds: list[list[dict[str, list[float]]]]):
        self.figures = sorted(seeds[0][0])
        table = [[[person[figure] for figure in self.figures] for person in people] for people in seeds]
        # Seeds are averaged within a person first: people, not seeds, are what we generalise over.
        self.table = np.array(table, dtype=float).mean(0)  # [people, figures, 2]

    def value(self, figure: str, people: np.ndarray | None = None) -> np.ndarray:
        """Of everybody, or of each resample. people int [resamples, P]"""
        column = self.table[:, self.figures.index(figure)]
        if people is None:
            return column[:, 0].sum() / column[:, 1].sum()
        return column[people, 0].sum(1) / np.maximum(column[people, 1].sum(1), 1e-9)


def resamples(num_people: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, num_people, (RESAMPLES, num_people))


def interval(values: np.ndarray) -> tuple[float, float]:
    """95 %"""
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


def estimate(method: Measured, figure: str) -> tuple[float, float, float]:
    """(value, low, high)"""
    return (float(method.value(figure)), *interval(method.value(figure, resamples(len(method.table)))))


def difference(method: Measured, other: Measured, figure: str) -> tuple[float, float, float]:
    """method - other, paired: the same people on both sides of every resample. (value, low, high)"""
    people = resamples(len(method.table))
    values = method.value(figure, people) - other.value(figure, people)
    return (float(method.value(figure) - other.value(figure)), *interval(values))
