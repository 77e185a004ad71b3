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
import json
import time
from contextlib import nullcontext
from pathlib import Path

import torch
from accelerate import Accelerator
from diffusers import WanTransformer3DModel
from safetensors import safe_open
from safetensors.torch import load_file
from torch.nn.attention import SDPBackend, sdpa_kernel

from training.checkpoints import ShardedCheckpoint, WholeCheckpoint
from training.clips import Clips
from training.files import Ema, append_metrics, read_config, stop_asked
from training.heads.motion import CAPTION_WORDS
from training.reference_conditioning import condition, predict_velocity
from training.sharding import as_number, shard
from training.text import build_text_encoder, build_tokenizer, encode, tokenize


class ConditionedModel(torch.nn.Module):
    """Transformer and text encoder as one module, so that one optimiser, one EMA and one DDP wrapper hold both."""

    def __init__(self, config, vocabulary_size: int):
        super().__init__()
        conditioning = config["reference_conditioning"]
        self.transformer = condition(
            WanTransformer3DModel(**config["transformer"]), conditioning["scheme"], conditioning["offset"]
        )
        self.text_encoder = build_text_encoder(config["text"], vocabulary_size)
        self.reference_timestep = conditioning["reference_timestep"]
        torch.nn.init.zeros_(self.transformer.proj_out.weight)
        torch.nn.init.zeros_(self.transformer.proj_out.bias)

    def forward(self, latents, references, timestep, input_ids, attention_mask, kept_frames, num_frames):
        text = encode(self.text_encoder, input_ids, attention_mask)
        velocity = predict_velocity(
            self.transformer, latents, references, timestep, text, self.reference_timestep, kept_frames, num_frames
        )
        return velocity.clone()  # FSDP hangs its backward on the output, which must be no view


def load_weights(folder: Path):
    """Of one file, or of several with an index."""
    return {name: value for path in sorted(folder.glob("*.safetensors")) for name, value in load_file(path).items()}


def start_from(model: ConditionedModel, directory: Path):
    """Load the transformer and the text encoder of an exported model directory."""
    transformer = load_weights(directory / "transformer")
    model.transformer.load_state_dict({name: value.float() for name, value in transformer.items()})
    text_encoder = load_weights(directory / "text_encoder")
    missing, unexpected = model.text_encoder.load_state_dict(
        {name: value.float() for name, value in text_encoder.items()}, strict=False
    )
    if unexpected or set(missing) - {"encoder.embed_tokens.weight"}:  # tied to shared.weight
        raise ValueError(f"{directory}/text_encoder must fit the config, got missing {missing}, unexpected {unexpected}.")


class LatentData:
    """Every cached latent, normalised, in memory: about 90 KB a clip at toy size."""

    def __init__(self, config, run, tokenizer):
        paths = sorted((Path(run) / "latents").glob("*.safetensors"))
        statistics = json.loads((Path(run) / "latents/statistics.json").read_text())
        mean = torch.tensor(statistics["latents_mean"])
        std = torch.tensor(statistics["latents_std"])
        shards = [load_file(path) for path in paths]
        clips = torch.cat([shard["clips"] for shard in shards]).float()
        references = torch.cat([shard["references"] for shard in shards]).float()
        self.clips = ((clips - mean.view(-1, 1, 1, 1)) / std.view(-1, 1, 1, 1)).half()
        self.references = ((references - mean.view(-1, 1, 1)) / std.view(-1, 1, 1)).half()
        captions = captions_of(paths, run)[: len(self.clips)]
        max_length = config["text"]["max_length"]
        self.input_ids, self.attention_mask = tokenize(tokenizer, captions, max_length)
        self.empty_ids, self.empty_mask = tokenize(tokenizer, [""], max_length)
        self.settings, self.masking, self.seed = config["training"], config["region_masking"], config["seed"]

    def batch(self, step, progress, process=0, processes=1):
        """The share of one process. One bucket: every sample has the same number of references and the same frames."""
        settings, size = self.settings, self.settings["batch_size"]
        seed = (self.seed + step) * 1_000_003
        generator = torch.Generator().manual_seed(seed)
        share = slice(process * size // processes, (process + 1) * size // processes)

        def chance(*shape):
            return torch.rand(shape, generator=generator)

        index = torch.randint(len(self.clips), (size,), generator=generator)
        frames = torch.arange(self.clips.shape[2])
        if progress < settings["whole_clips_from"]:
            frames = frames[chance(len(frames)).argsort()[: settings["frames_per_clip"]].sort().values]
        latents = self.clips[index[share]][:, :, frames].float()
        choices = settings["num_references"]
        n = choices[torch.randint(len(choices), (), generator=generator)]
        dropped = chance() < settings["reference_dropout"]
        references = None
        if not dropped:
            views = chance(size, self.references.shape[1]).argsort(dim=1)[:, :n]
            masked = (chance(size, 1) < self.masking["probability"]) & torch.tensor(self.masking["enabled"])
            draw = torch.randint(1, self.references.shape[2], (size, n), generator=generator)
            references = self.references[index[:, None], views, draw * masked][share].float().transpose(1, 2)
        no_text = chance(size) < (0.5 if dropped else settings["text_dropout"])
        input_ids = torch.where(no_text[:, None], self.empty_ids, self.input_ids[index])
        attention_mask = torch.where(no_text[:, None], self.empty_mask, self.attention_mask[index])
        sigma = torch.sigmoid(torch.randn(size, generator=generator))
        shift = settings["timestep_shift"]
        sigma = shift * sigma / (1 + (shift - 1) * sigma)
        # Large beside everything else: each process draws its own samples' only.
        noise = torch.stack(
            [torch.randn(latents.shape[1:], generator=generator.manual_seed(seed + 1 + i)) for i in range(size)[share]]
        )
        return latents, references, sigma[share], noise, input_ids[share], attention_mask[share], frames


def captions_of(latents, run):
    """Kept beside the latents, so that the clips are not needed any more; with the clips only in older runs."""
    texts = [(safe_open(path, "pt").metadata() or {}).get("captions") for path in latents]
    return [caption for text in texts for caption in json.loads(text)] if all(texts) else Clips(run).captions()


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
    parser.add_argument("--init", help="a model directory to start from, such as models/mv2id-tiny")
    parser.add_argument("--compile", action="store_true", help="torch.compile the blocks: twice as fast, needs a C++ compiler")
    arguments = parser.parse_args(argv)
    config, run = read_config(arguments.config), Path(arguments.run)
    settings = config["training"]
    # Without `cpu`, accelerate leaves several processes on CPUs each on its own.
    accelerator = Accelerator(mixed_precision=settings["mixed_precision"], cpu=not torch.cuda.is_available())
    process, processes = accelerator.process_index, accelerator.num_processes
    if settings["batch_size"] % processes:
        raise ValueError(f"training.batch_size must be a multiple of {processes} processes, got {settings['batch_size']}.")
    torch.manual_seed(config["seed"])
    tokenizer = build_tokenizer(CAPTION_WORDS, config["text"]["max_length"])
    data = LatentData(config, run, tokenizer)
    model = ConditionedModel(config, len(tokenizer))
    if arguments.init:
        start_from(model, Path(arguments.init))
    parameters = sum(p.numel() for p in model.parameters())
    sharded = settings["sharding"] == "full"
    model = shard(model, accelerator.device) if sharded else model.to(accelerator.device)
    decayed = [p for p in model.parameters() if p.ndim >= 2]
    others = [p for p in model.parameters() if p.ndim < 2]
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": settings["weight_decay"]}, {"params": others, "weight_decay": 0.0}],
        lr=settings["learning_rate"], betas=(0.9, 0.98), fused=True,
    )  # fmt: skip
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
    accelerator.print(f"{len(data.clips)} clips, {parameters / 1e6:.1f} M parameters, from step {step}")
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
        latents, references, sigma, noise, input_ids, attention_mask, frames = (
            None if t is None else t.to(accelerator.device) for t in data.batch(step, progress, process, processes)
        )
        weight = sigma.view(-1, 1, 1, 1, 1)
        with accelerator.autocast(), sdpa_kernel(SDPBackend.MATH) if plain else nullcontext():
            velocity = trained(
                (1 - weight) * latents + weight * noise, references, sigma * 1000, input_ids, attention_mask,
                frames, data.clips.shape[2],
            )  # fmt: skip
        loss = (velocity.float() - (noise - latents)).pow(2).mean()
        optimizer.zero_grad(set_to_none=True)
        accelerator.backward(loss)
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), settings["max_gradient_norm"])
        optimizer.step()
        ema.update(model)
        step += 1
        losses.append(loss.detach())
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
