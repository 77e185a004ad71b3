"""The other side of the benchmark: diffusers and torch, eager, float32, on the CPU. Commands and answers: protocol.ts.

Modules are loaded and run as `npm run parity` does it; inputs are drawn as engine.ts draws them.
"""

import json
import resource
import sys
import time
from pathlib import Path

import diffusers
import torch
import transformers

sys.path.append(str(Path(__file__).resolve().parents[1] / "training/parity"))
from compare import Comparison  # noqa: E402
from golden import random_tensor  # noqa: E402
from reference_pipeline import Job, decode, sample_latents  # noqa: E402
from reference_conditioning import condition, predict_velocity  # noqa: E402

MATMUL_SIZE = 2048
TIMESTEP = 637.0


def timed(work):
    """(seconds, result)"""
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def magnitude(tensor: torch.Tensor) -> float:
    return tensor.double().abs().mean().item()


class Peer:
    def __init__(self, setup: dict):
        self.setup = setup
        self.plan = setup["plan"]
        self.drawn: dict[str, torch.Tensor] = {}
        self.model = Comparison(setup)
        torch.set_num_threads(setup["threads"])

    def load(self) -> dict:
        self.model = Comparison(self.setup)

        def work():
            self.model.load_text()
            self.model.load_transformers()
            self.model.load_vae()

        return {"seconds": timed(work)[0]}

    def step(self) -> dict:
        self.model.load_transformers()
        parts, n = self.model.parts, self.plan["numReferences"]
        conditioning = parts.conditioning
        if not hasattr(parts.transformer.rope, "scheme"):
            condition(parts.transformer, conditioning["scheme"], conditioning["offset"])
        latents = self.latents("video", self.plan["numLatentFrames"])
        references = self.latents("references", n) if n else None
        text = self.draw("text", 1, self.setup["text_length"], self.setup["text_dim"])
        timestep = torch.tensor([TIMESTEP])
        policy = conditioning["reference_timestep"]
        seconds, velocity = timed(lambda: predict_velocity(parts.transformer, latents, references, timestep, text, policy))
        return {"seconds": seconds, "magnitude": magnitude(velocity)}

    def decode(self) -> dict:
        vae, latents = self.model.load_vae(), self.latents("video", self.plan["numLatentFrames"])
        seconds, frames = timed(lambda: decode(vae, latents))
        return {"seconds": seconds, "magnitude": magnitude(frames)}

    def generate(self) -> dict:
        settings, n = self.plan["input"], self.plan["numReferences"]
        views = [self.draw(f"view {i}", 3, settings["height"], settings["width"]) for i in range(n)]
        references = torch.stack(views) if n else None
        noise = self.latents("noise", self.plan["numLatentFrames"])
        texts = self.setup["prompt"], self.setup["negative_prompt"]
        job = Job(*texts, settings["steps"], settings["guidance"], references, noise)

        def work():
            self.load()
            self.model.load_scheduler()
            latents = sample_latents(self.model.parts, job)
            return decode(self.model.parts.vae, latents)

        seconds, frames = timed(work)
        return {"seconds": seconds, "magnitude": magnitude(frames)}

    def matmul(self) -> dict:
        a, b = (self.draw(name, MATMUL_SIZE, MATMUL_SIZE) for name in ("a", "b"))
        return {"seconds": timed(lambda: a @ b)[0]}

    def peak(self) -> dict:
        return {"bytes": peak_bytes()}

    def latents(self, name: str, frames: int) -> torch.Tensor:
        channels, _, height, width = self.setup["latent_shape"]
        return self.draw(name, 1, channels, frames, height, width)

    def draw(self, name: str, *shape: int) -> torch.Tensor:
        key = f"{name} {shape}"
        if key not in self.drawn:
            self.drawn[key] = random_tensor(f"bench/{name}", list(shape))
        return self.drawn[key]


def peak_bytes() -> int:
    """Linux's own mark of this program; getrusage would count the starting process, if that was larger."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return next(int(line.split()[1]) * 1024 for line in status.read_text().splitlines() if line.startswith("VmHWM"))


@torch.no_grad()
def main() -> None:
    transformers.logging.disable_progress_bar()
    diffusers.logging.set_verbosity_error()
    peer = None
    for line in sys.stdin:
        message = json.loads(line)
        if message["command"] == "setup":
            peer = Peer(message)
            answer = {"version": f"diffusers {diffusers.__version__}, torch {torch.__version__}"}
        else:
            answer = getattr(peer, message["command"])()
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
