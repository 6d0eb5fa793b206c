"""How many trials per second, beside NeuroGym's own ``env.new_trial()``?

    python benchmarks/trials_vs_neurogym.py

Both make the same trials (default timing of training, dt 20 ms) in the same run, in turns, so that a slow
moment of the machine hits both; the median over the turns counts. Ours come padded, in one array, with the
rule input; NeuroGym's are left as a list of single trials without it, which favours NeuroGym.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
from neurogym.core import TrialEnv
from neurogym.envs.collections import yang19
from neurogym.envs.native.delaymatchsample import DelayMatchSample
from neurogym.envs.native.gonogo import GoNogo as NeurogymGoNogo
from neurogym.envs.native.perceptualdecisionmaking import (
    PerceptualDecisionMaking,
    PerceptualDecisionMakingDelayResponse,
)

from dynalign.tasks import DelayedMatch, GoNogo, PerceptualDecision, TimedTask, Yang19

# What is timed: the rules that NeuroGym has an environment for, of Yang et al. one of each kind.
RULES = [
    (PerceptualDecision(), ("basic", "delay")),
    (GoNogo(), ("basic", "delay")),
    (DelayedMatch(), ("delay",)),
    (Yang19(), ("go", "ctxdm1", "multidlydm", "dmc")),
]


def neurogym_env(task: TimedTask, rule: str) -> TrialEnv:
    """Return NeuroGym's environment for a rule, with the task's timing."""
    timing = dict(task.timing["train"])
    if isinstance(task, DelayedMatch) or rule == "dmc":
        timing = {{"stimulus": "sample", "comparison": "test"}.get(period, period): timing[period] for period in timing}
    if isinstance(task, DelayedMatch):
        return DelayMatchSample(dt=task.dt, timing=timing)
    if isinstance(task, Yang19):
        if rule == "multidlydm":
            timing |= {"stim1": timing["stimulus"], "stim2": timing["comparison"]}
        if rule == "go":
            timing["delay"] = 0
        return getattr(yang19, rule)(dt=task.dt, timing=timing)
    if rule == "basic":
        timing["delay"] = 0
    if isinstance(task, GoNogo):
        return NeurogymGoNogo(dt=task.dt, timing=timing)
    if rule == "basic":
        return PerceptualDecisionMaking(dt=task.dt, timing=timing)
    return PerceptualDecisionMakingDelayResponse(dt=task.dt, timing=timing)


def trials_per_second(make: Callable[[], object], n: int) -> float:
    """Time one call that makes ``n`` trials."""
    start = time.perf_counter()
    make()
    return n / (time.perf_counter() - start)


def main() -> None:
    """Print one row per task and rule."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=1000, help="trials per turn (default 1000)")
    parser.add_argument("--turns", type=int, default=15, help="turns for each (default 15)")
    arguments = parser.parse_args()
    n = arguments.trials
    print(f"{'task':15}{'rule':12}{'dynalign/s':>12}{'NeuroGym/s':>12}{'ratio':>8}")
    for task, rules in RULES:
        for rule in rules:
            env, rng = neurogym_env(task, rule), np.random.default_rng(0)
            env.unwrapped.seed(0)

            def ours(task: TimedTask = task, rule: str = rule, rng: np.random.Generator = rng) -> object:
                return task.trials(n, rule, rng)

            def theirs(env: TrialEnv = env) -> object:
                trials = []
                for _ in range(n):
                    env.new_trial()
                    trials.append((env.unwrapped.ob, env.unwrapped.gt))
                return trials

            speeds = [(trials_per_second(ours, n), trials_per_second(theirs, n)) for _ in range(arguments.turns)]
            mine, reference = (statistics.median(column) for column in zip(*speeds, strict=True))
            ratio = statistics.median(a / b for a, b in speeds)
            print(f"{task.name:15}{rule:12}{mine:12,.0f}{reference:12,.0f}{ratio:8.1f}")


if __name__ == "__main__":
    main()
