"""Stage 4: train the transformer, and at toy size the text encoder with it, on cached latents.

    python -m training.train training/config/mv2id-tiny.json training/runs/tiny
    torchrun --nproc-per-node 8 -m training.train ...                  # several GPUs, or nodes: the same script

Flow matching: x_s = (1 - s) * x0 + s * noise, target v = noise - x0, s = shifted(sigmoid(normal)), timestep 1000 * s.
References are in-pair (from the same clip), 1 to 4 of them, masked by region with some probability; the reference set
and the caption are dropped now and then, for guidance. Most batches hold a few frames of each clip, at their true
positions, and the last part of the training whole clips: more people for the same time. Checkpoints and resumes
(training/checkpoints.py): data, noise and dropout depend on the seed and the step only. `training.batch_size` counts the
samples of all processes together, each of which takes its share, so one process and many train alike.
"""

import argparse
import time
from contextlib import nullcontext
from pathlib import Path

import torch
from accelerate import Accelerator
from diffusers import WanTransformer3DModel
from safetensors.torch import load_file
from torch.nn.attention import SDPBackend, sdpa_kernel

from training.checkpoints import POINTER, WHOLE, ShardedCheckpoint, WholeCheckpoint, load_averaged
from training.fast_transformer import make_fast, predict_velocity_fast
from training.files import Ema, append_metrics, read_config, stop_asked
from training.heads.motion import CAPTION_WORDS
from training.latents import LatentData
from training.optimizer import build_optimizer
from training.precision import mixed_precision
from training.reference_conditioning import condition
from training.sharding import as_number, shard
from training.text import build_text_encoder, build_tokenizer, encode


class ConditionedModel(torch.nn.Module):
    """Transformer and text encoder as one module, so that one optimiser, one EMA and one DDP wrapper hold both."""

    def __init__(self, config, vocabulary_size: int):
        super().__init__()
        conditioning = config["reference_conditioning"]
        transformer = WanTransformer3DModel(**config["transformer"])
        condition(transformer, conditioning["scheme"], conditioning["offset"])
        self.transformer = make_fast(transformer, cpu=not torch.cuda.is_available())
        self.text_encoder = build_text_encoder(config["text"], vocabulary_size)
        self.reference_timestep = conditioning["reference_timestep"]
        torch.nn.init.zeros_(self.transformer.proj_out.weight)
        torch.nn.init.zeros_(self.transformer.proj_out.bias)

    def forward(self, latents, references, timestep, input_ids, attention_mask, kept_frames, num_frames):
        text = encode(self.text_encoder, input_ids, attention_mask)
        velocity = predict_velocity_fast(
            self.transformer, latents, references, timestep, text, self.reference_timestep, kept_frames, num_frames
        )
        return velocity.clone()  # FSDP hangs its backward on the output, which must be no view


def load_weights(folder: Path):
    """Of one file, or of several with an index."""
    return {name: value for path in sorted(folder.glob("*.safetensors")) for name, value in load_file(path).items()}


def start_from(model: ConditionedModel, directory: Path):
    """Load the transformer and the text encoder of an exported model directory, or the averaged weights of a run."""
    if (directory / POINTER).exists() or (directory / WHOLE).exists():
        load_averaged(model, directory)
        return
    transformer = load_weights(directory / "transformer")
    model.transformer.load_state_dict({name: value.float() for name, value in transformer.items()})
    text_encoder = load_weights(directory / "text_encoder")
    missing, unexpected = model.text_encoder.load_state_dict(
        {name: value.float() for name, value in text_encoder.items()}, strict=False
    )
    if unexpected or set(missing) - {"encoder.embed_tokens.weight"}:  # tied to shared.weight
        raise ValueError(f"{directory}/text_encoder must fit the config, got missing {missing}, unexpected {unexpected}.")


def from_scratch(config, run):
    """-> (data, model, None): there are no previews."""
    tokenizer = build_tokenizer(CAPTION_WORDS, config["text"]["max_length"])
    return LatentData(config, run, tokenizer), ConditionedModel(config, len(tokenizer)), None


def fine_tuning_of(config, run):
    """-> (data, model, previews or None) of a config that names a model directory as its `base`."""
    # Here, as they bring pipelines, peft and a video decoder along, which take seconds to load.
    from training.backbone import Backbone
    from training.buckets import CachedClips
    from training.previews import Previews

    model = Backbone(config)
    data = CachedClips(config, run, model.noise_levels)
    return data, model, Previews(config, run, data) if "previews" in config else None


def learning_rate(settings, step, progress):
    """Linear warm-up, then constant, then a linear fall over the last 40 % to 2 %."""
    warm = min(1.0, (step + 1) / settings["warmup_steps"])
    return settings["learning_rate"] * min(warm, 0.02 + 0.98 * min(1.0, (1 - progress) / 0.4))


def agree(accelerator, stop: bool, save: bool, progress: float):
    """What every process does next: it stops or saves when any of them is to, and the furthest progress counts."""
    if accelerator.num_processes == 1:
        return stop, save, progress
    wishes = torch.tensor([stop, save, progress], dtype=torch.float64, device=accelerator.device)
    torch.distributed.all_reduce(wishes, torch.distributed.ReduceOp.MAX)
    stop, save, progress = wishes.tolist()
    return bool(stop), bool(save), progress


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config")
    parser.add_argument("run")
    parser.add_argument("--minutes", type=float, default=1e9, help="stop (and finish the decay) after this long in all")
    parser.add_argument("--max-steps", type=int, help="stop after this many steps in this call; resume later")
    parser.add_argument("--init", help="a model directory to start from, such as models/mv2id-tiny, or a run")
    parser.add_argument("--compile", action="store_true", help="torch.compile the blocks: twice as fast, needs a C++ compiler")
    arguments = parser.parse_args(argv)
    config, run = read_config(arguments.config), Path(arguments.run)
    settings = config["training"]
    # Without `cpu`, accelerate leaves several processes on CPUs each on its own.
    device = "cuda" if torch.cuda.is_available() else "cpu"
    # A fine-tuning holds frozen weights in bfloat16, for memory's sake: there it is computed with wherever it runs.
    precision = settings["mixed_precision"] if "base" in config else mixed_precision(settings["mixed_precision"], device)
    accelerator = Accelerator(mixed_precision=precision, cpu=device == "cpu")
    process, processes = accelerator.process_index, accelerator.num_processes
    if settings["batch_size"] % processes:
        raise ValueError(f"training.batch_size must be a multiple of {processes} processes, got {settings['batch_size']}.")
    torch.manual_seed(config["seed"])
    data, model, previews = fine_tuning_of(config, run) if "base" in config else from_scratch(config, run)
    if arguments.init:
        start_from(model, Path(arguments.init))
    parameters = sum(p.numel() for p in model.parameters() if p.requires_grad)
    sharded = settings["sharding"] == "full"
    model = shard(model, accelerator.device) if sharded else model.to(accelerator.device)
    optimizer = build_optimizer(model, settings)
    ema = Ema(model, settings["ema_decay"])
    kind = ShardedCheckpoint if sharded else WholeCheckpoint
    checkpoint = kind(run, model, optimizer, ema, accelerator)
    step, before = checkpoint.load()
    if settings["gradient_checkpointing"]:
        model.transformer.enable_gradient_checkpointing()
    if arguments.compile:
        model.transformer.compile_repeated_blocks()
    trained = model if sharded else accelerator.prepare(model)
    # At these lengths the CPU's fused attention is slower than the plain one, in the backward pass above all.
    plain = accelerator.device.type == "cpu"
    accelerator.print(f"{len(data)} clips, {parameters / 1e6:.1f} M trained parameters, from step {step}")
    started = saved = time.time()
    first, losses = step, []

    while step < settings["steps"] and not (arguments.max_steps and step - first >= arguments.max_steps):
        elapsed = before + time.time() - started
        progress = max(step / settings["steps"], elapsed / (arguments.minutes * 60))
        due = time.time() - saved > settings["checkpoint_every_seconds"]
        stop, due, progress = agree(accelerator, stop_asked(run), due, progress)
        if stop or progress >= 1:
            break
        if due and step > first:
            checkpoint.save(step, elapsed)
            saved = time.time()
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(settings, step, progress)
        latents, references, sigma, noise, input_ids, attention_mask, weights, frames = (
            None if t is None else t.to(accelerator.device) for t in data.batch(step, progress, process, processes)
        )
        share = sigma.view(-1, 1, 1, 1, 1)
        # Around the backward pass too, which computes a checkpointed block once more.
        with sdpa_kernel(SDPBackend.MATH) if plain else nullcontext():
            with accelerator.autocast():
                velocity = trained(
                    (1 - share) * latents + share * noise, references, sigma * 1000, input_ids, attention_mask,
                    frames, data.num_frames,
                )  # fmt: skip
            error = (velocity.float() - (noise - latents)).pow(2)
            loss = error.mean() if weights is None else (error * weights).mean()
            optimizer.zero_grad(set_to_none=True)
            accelerator.backward(loss)
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), settings["max_gradient_norm"])
        optimizer.step()
        ema.update(model)
        step += 1
        if previews is not None and step % previews.every_steps == 0:
            previews.make(model, step, accelerator)
        losses.append(error.detach().mean())
        if step % settings["log_every_steps"] == 0:
            mean = accelerator.reduce(torch.stack(losses).mean(), "mean").item()
            norm, losses = as_number(norm), []
            speed = (step - first) * settings["batch_size"] / (time.time() - started)
            if accelerator.is_main_process:
                append_metrics(run, "transformer", step=step, loss=mean, norm=norm,
                               lr=optimizer.param_groups[0]["lr"], seconds=elapsed)  # fmt: skip
            accelerator.print(f"step {step} loss {mean:.4f} norm {norm:.2f} {speed:.1f} samples/s", flush=True)
    checkpoint.save(step, before + time.time() - started)


if __name__ == "__main__":
    main()
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
