"""The ablation: one base, from which every variant goes on for the same steps, with the same data and seeds.

    python -m training.ablation.run training/config/ablation.json RUN FOLDER --network RUN/network.safetensors

RUN is a run with a trained VAE and its cached latents; FOLDER takes base-<stage>/ and cells/<variant>-<seed>/. The base is trained
once, in the stages that the config names: on captions alone, so that it knows no positions of references and favours none. A queue that resumes: what is
done is not done again, and a training that was stopped goes on from its checkpoint. Results: FOLDER/results/<variant>-<seed>[-<n> references].json.
"""

import argparse
import copy
import json
import os
import shutil
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from training.ablation.table import MAIN
from training.cache_latents import encode_references, load_vae
from training.files import read_config, write_json_atomically
from training.measure.cases import held_out_cases
from training.measure.generate import Generator, generate_all
from training.measure.network import load_network
from training.measure.score import Scorer, read_generated, write_result
from training.measure.truth import truth_of
from training.train import main as train


def overridden(config: dict, *overrides: dict) -> dict:
    """A copy of config with {"section.field": value} put in, later ones over earlier ones."""
    config = copy.deepcopy(config)
    for path, value in (item for part in overrides for item in part.items()):
        section, field = path.split(".")
        config[section][field] = value
    return config


class Ablation:
    def __init__(self, path: Path, run: Path, folder: Path, network: Path):
        self.settings = json.loads(path.read_text())
        self.config = overridden(read_config(path.parent / self.settings["config"]), self.settings["overrides"])
        self.run, self.folder, self.network = run, folder, network
        # Worth its while on a CPU for trainings of an hour, not of minutes.
        self.compile = self.settings.get("compile", False)
        self.scorer = None

    def cells(self) -> list[tuple[str, int]]:
        """The main variants, then the sweeps; seed by seed, so that an interrupted ablation compares what it has."""
        variants, seeds = self.settings["variants"], self.settings["seeds"]
        sweeps = [variant for variant in variants if variant not in MAIN]
        groups = ((MAIN, seeds), (sweeps, self.settings.get("sweep_seeds", seeds)))
        return [(variant, seed) for group, chosen in groups for seed in chosen for variant in variants if variant in group]

    def config_of(self, variant: str, seed: int) -> dict:
        cell = self.settings["cell"]
        steps = {"training.steps": cell["steps"]}
        config = overridden(self.config, cell["overrides"], steps, self.settings["variants"][variant])
        return config | {"seed": seed}

    def base(self) -> Path:
        folder = None
        for stage, part in self.settings["base"].items():
            config = overridden(self.config, part["overrides"], {"training.steps": part["steps"]})
            folder = self.trained(self.folder / f"base-{stage}", config, folder)
        return folder

    def trained(self, folder: Path, config: dict, init: Path | None = None) -> Path:
        """folder, once its training has reached the last step."""
        folder.mkdir(parents=True, exist_ok=True)
        write_json_atomically(config, folder / "config.json")
        latents = folder / "latents"
        if not latents.exists():
            latents.symlink_to(self.latents_of(config["region_masking"]["ratio"]).resolve())
            (folder / "vae.pt").symlink_to((self.run / "vae.pt").resolve())
        done = folder / "done"
        if not done.exists():
            start = ["--init", str(init)] if init else []
            train([str(folder / "config.json"), str(folder), *start, *(["--compile"] if self.compile else [])])
            if step_of(folder) < config["training"]["steps"]:
                raise SystemExit(f"{folder} was stopped at step {step_of(folder)}; start again to go on.")
            done.touch()
        return folder

    def latents_of(self, ratio: float) -> Path:
        """The run's own latents, or a copy whose masked references are masked by another share."""
        if ratio in (0, self.config["region_masking"]["ratio"]):
            return self.run / "latents"
        folder = self.folder / f"latents-mask-{ratio}"
        remask(self.config, self.run, folder, ratio)
        return folder

    def measured(self, variant: str, seed: int):
        evaluation, data = self.settings["evaluation"], self.config["data"]
        cell = self.folder / "cells" / f"{variant}-{seed}"
        single, both = self.settings["single_view_variants"], self.settings["one_and_several_views"]
        counts = [1] if variant in single else [1, evaluation["references"]] if variant in both else [evaluation["references"]]
        for count in counts:
            out = self.folder / "results" / f"{variant}-{seed}-{count}.json"
            if out.exists():
                continue
            config = self.config_of(variant, seed)
            folder = self.trained(cell, config, self.base())
            if self.scorer is None:
                self.scorer = self.load_scorer()
            settings = evaluation | {"num_references": count, "size": data["size"], "fps": data["fps"]}
            generated = cell / f"generated-{count}.safetensors"
            if not generated.exists():
                generate_all(Generator(config, folder), self.scorer.cases, generated, settings)
            frames, _ = read_generated(generated)
            self.write(out, {"variant": variant, "seed": seed, "config": config, "evaluation": settings}, self.scorer.score(frames, count, at_own_pose=False))

    def load_scorer(self) -> Scorer:
        evaluation, data = self.settings["evaluation"], self.config["data"]
        count = evaluation["identities"]
        num_frames = evaluation.get("num_frames", data["num_frames"])
        fps = data["fps"] * (num_frames - 1) / (data["num_frames"] - 1)
        self.folder.mkdir(parents=True, exist_ok=True)
        cases = held_out_cases(count, num_frames, data["size"], fps)
        truth = truth_of(cases, self.folder / f"truth-{count}x{num_frames}x{data['size']}.safetensors")
        return Scorer(load_network(self.network), cases, truth, fps)

    def true_clips(self):
        """The same figures of the true clips, for one and for several references."""
        for count in (1, self.settings["evaluation"]["references"]):
            out = self.folder / "results" / f"true-0-{count}.json"
            if not out.exists():
                self.scorer = self.scorer or self.load_scorer()
                self.write(out, {"variant": "true", "seed": 0}, self.scorer.score(self.scorer.cases.truth, count, at_own_pose=False))

    @staticmethod
    def write(out: Path, about: dict, scored: dict):
        write_result(out, about, scored)
        print(out, flush=True)


def step_of(folder: Path) -> int:
    return json.loads((folder / "transformer.json").read_text())["step"]


@torch.no_grad()
def remask(config, run: Path, folder: Path, ratio: float):
    """folder: the run's latents with masked references of another ratio. From the run's rendered references."""
    folder.mkdir(parents=True, exist_ok=True)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    vae, masking = load_vae(config, run, device), config["region_masking"] | {"ratio": ratio}
    for source in sorted((run / "latents").glob("*.safetensors")):
        target = folder / source.name
        if target.exists():
            continue
        tensors = load_file(source)
        rendered = safe_open(run / "clips" / source.name, "pt").get_tensor("references")
        generator = torch.Generator().manual_seed(config["seed"] + int(source.stem))
        tensors["references"] = encode_references(vae, rendered, masking, generator, device).contiguous()
        partial = target.with_suffix(f".{os.getpid()}.partial")
        save_file(tensors, partial, safe_open(source, "pt").metadata())
        partial.rename(target)
    shutil.copy(run / "latents/statistics.json", folder)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config", type=Path)
    parser.add_argument("run", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--network", type=Path, required=True)
    parser.add_argument("--only", nargs="*", help="variants")
    parser.add_argument("--worker", default="0/1", help="this process's share of the cells, as INDEX/COUNT, once the base is trained")
    arguments = parser.parse_args()
    ablation = Ablation(arguments.config, arguments.run, arguments.folder, arguments.network)
    ablation.base()
    ablation.true_clips()
    worker, workers = map(int, arguments.worker.split("/"))
    cells = [cell for cell in ablation.cells() if not arguments.only or cell[0] in arguments.only]
    for variant, seed in cells[worker::workers]:
        ablation.measured(variant, seed)


if __name__ == "__main__":
    main()
