"""Golden trajectories of the diffusers schedulers: sigmas, timesteps, and every step() of a small tensor.

Each entry: class_name, config, num_inference_steps, sigmas, timesteps, sample (the start), and per step the model output
given and the sample returned. Values are float32 written as shortest decimals.
"""

import torch
from diffusers import FlowMatchEulerDiscreteScheduler, UniPCMultistepScheduler

from golden import float32_list, random_tensor, write_json

WAN_UNIPC = {
    "prediction_type": "flow_prediction",
    "use_flow_sigmas": True,
    "num_train_timesteps": 1000,
    "solver_order": 2,
    "solver_type": "bh2",
    "predict_x0": True,
    "lower_order_final": True,
    "final_sigmas_type": "zero",
}


def trajectory(scheduler_class: type, config: dict, num_inference_steps: int, size: int) -> dict:
    scheduler = scheduler_class(**config)
    scheduler.set_timesteps(num_inference_steps)
    name = f"{scheduler_class.__name__}/{num_inference_steps}"
    sample = random_tensor(f"{name}/sample", [1, size, 1, 1, 1], scale=1.7)
    entry = {
        "class_name": scheduler_class.__name__,
        "config": config,
        "num_inference_steps": num_inference_steps,
        "sigmas": float32_list(scheduler.sigmas),
        "timesteps": float32_list(scheduler.timesteps),
        "sample": float32_list(sample),
        "steps": [],
    }
    for index, timestep in enumerate(scheduler.timesteps):
        # A model output that depends on the sample, as a real one does, so that an early error would show in every later step.
        noise = random_tensor(f"{name}/output/{index}", list(sample.shape), scale=0.6)
        model_output = torch.tanh(sample) + noise
        sample = scheduler.step(model_output, timestep, sample, return_dict=False)[0]
        entry["steps"].append({"model_output": float32_list(model_output), "sample": float32_list(sample)})
    return entry


def main() -> None:
    write_json(
        "scheduler-unipc",
        [
            trajectory(UniPCMultistepScheduler, {**WAN_UNIPC, "flow_shift": shift}, steps, size)
            for shift, steps, size in [(3.0, 1, 6), (3.0, 2, 6), (3.0, 3, 6), (1.0, 4, 6), (5.0, 10, 6), (3.0, 20, 4), (12.0, 40, 3), (5.0, 50, 3)]
        ],
    )
    write_json(
        "scheduler-unipc-variants",
        [
            trajectory(UniPCMultistepScheduler, {**WAN_UNIPC, "flow_shift": 3.0, **change}, steps, 4)
            for change, steps in [
                ({"solver_order": 1}, 5),
                ({"disable_corrector": [0, 2]}, 6),
                ({"solver_order": 3}, 7),
            ]
        ],
    )
    write_json(
        "scheduler-flow-match-euler",
        [
            trajectory(FlowMatchEulerDiscreteScheduler, {"num_train_timesteps": 1000, "shift": shift}, steps, 4)
            for shift, steps in [(1.0, 1), (3.0, 2), (1.0, 4), (5.0, 10), (3.0, 50)]
        ],
    )


if __name__ == "__main__":
    main()
