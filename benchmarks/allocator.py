"""What giving freed memory back to the system costs training: python benchmarks/allocator.py

Prints the CPU time of a training step (batch 64, about 150 time steps, one thread) before and after
``dynalign.training.allocator.keep_freed_memory``, in one process.
"""

from __future__ import annotations

import resource
import time

import numpy as np
import torch

from dynalign.models import LeakyGRU, LeakyRNN, Mamba, SequenceModel
from dynalign.tasks import PerceptualDecision
from dynalign.training.allocator import keep_freed_memory
from dynalign.training.data import to_batch
from dynalign.training.module import task_loss

STEPS = 20


def measure(kind: type[SequenceModel]) -> tuple[float, float]:
    """Return the CPU time of a step in ms, and how much of it the system took."""
    task, rng = PerceptualDecision(), np.random.default_rng(0)
    model = kind(n_inputs=task.n_inputs, n_actions=task.n_actions)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.005)

    def step() -> None:
        batch = to_batch(task.trials(64, task.target, rng))
        optimizer.zero_grad()
        task_loss(model(batch.inputs, return_states=False).logits, batch, 0.5).backward()
        optimizer.step()

    step()
    begin, system = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_stime
    for _ in range(STEPS):
        step()
    spent = time.process_time() - begin
    return 1000 * spent / STEPS, 1000 * (resource.getrusage(resource.RUSAGE_SELF).ru_stime - system) / STEPS


def main() -> None:
    """Print the table."""
    torch.set_num_threads(1)
    kinds = (LeakyRNN, LeakyGRU, Mamba)
    before = [measure(kind) for kind in kinds]
    if not keep_freed_memory():
        raise SystemExit("Error: This C library cannot be told to keep freed memory.")
    after = [measure(kind) for kind in kinds]
    print(f"{'CPU ms per step':<16}{'as it is':>12}{'(system)':>10}{'kept':>12}{'(system)':>10}{'ratio':>8}")
    for kind, (one, system), (two, other) in zip(kinds, before, after, strict=True):
        print(f"{kind.__name__:<16}{one:>12.1f}{system:>10.1f}{two:>12.1f}{other:>10.1f}{one / two:>8.2f}")


if __name__ == "__main__":
    main()
