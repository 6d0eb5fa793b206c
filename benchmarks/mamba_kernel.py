"""How long does Mamba train with the kernel of mamba-ssm, and how long without?

    python benchmarks/mamba_kernel.py

Times one step of training (forward and backward) of ``dynalign.models.Mamba`` on a CUDA GPU, with the scan in plain
PyTorch and in the kernel of mamba-ssm, and prints by how much logits and gradients of the two differ.
"""

from __future__ import annotations

import statistics
import time

import torch

from dynalign.models import Mamba

SIZES = [(64, 400, 16, 1), (64, 400, 16, 2), (256, 400, 16, 1), (64, 400, 64, 1), (64, 1600, 16, 1)]


def step(model: Mamba, inputs: torch.Tensor) -> torch.Tensor:
    """Run forward and backward; return the logits."""
    model.zero_grad()
    logits = model(inputs, return_states=False).logits
    logits.square().mean().backward()
    return logits


def milliseconds(model: Mamba, inputs: torch.Tensor, repeats: int = 10) -> float:
    """Return the median time of a step."""
    for _ in range(3):
        step(model, inputs)
    times = []
    for _ in range(repeats):
        torch.cuda.synchronize()
        start = time.perf_counter()
        step(model, inputs)
        torch.cuda.synchronize()
        times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times)


def main() -> None:
    """Measure every size."""
    print(torch.cuda.get_device_name())
    print(" trials  steps  d_model  layers     plain    kernel   ratio  logits differ by  gradients by")
    for trials, steps, d_model, layers in SIZES:
        plain, fused = (
            Mamba(n_inputs=5, n_actions=3, d_model=d_model, n_layers=layers, backend=backend).cuda()
            for backend in ("torch", "cuda")
        )
        inputs = torch.randn(trials, steps, 5, generator=torch.Generator().manual_seed(0)).cuda()
        apart = (step(plain, inputs) - step(fused, inputs)).abs().max().item()
        gradients = max(
            ((one.grad - other.grad).norm() / one.grad.norm()).item()
            for one, other in zip(plain.parameters(), fused.parameters(), strict=True)
            if one.grad is not None and other.grad is not None
        )
        times = [milliseconds(model, inputs) for model in (plain, fused)]
        print(
            f"{trials:7} {steps:6} {d_model:8} {layers:7} {times[0]:6.1f} ms {times[1]:6.1f} ms "
            f"{times[0] / times[1]:6.1f}x {apart:17.1e} {gradients:13.1e}"
        )


if __name__ == "__main__":
    main()
