"""Cognitive tasks, most of them NeuroGym's: trials made in batches.

A task is configured once and asked for trials::

    task = PerceptualDecision(dt=20)
    trials = task.trials(64, ["delay", "delay_anti"], np.random.default_rng(0))
    trials.inputs  # (64, time, task.n_inputs)
"""

from dynalign.tasks.base import Task
from dynalign.tasks.decision import PERIODS, RULES, DecisionTask
from dynalign.tasks.delayed_match import DelayedMatch
from dynalign.tasks.flip_flop import FlipFlop
from dynalign.tasks.gonogo import GoNogo
from dynalign.tasks.perceptual_decision import PerceptualDecision
from dynalign.tasks.sine_wave import SineWave
from dynalign.tasks.timed import TimedTask
from dynalign.tasks.trials import IGNORE, Trials
from dynalign.tasks.yang19 import Yang19

__all__ = [
    "IGNORE",
    "PERIODS",
    "RULES",
    "DecisionTask",
    "DelayedMatch",
    "FlipFlop",
    "GoNogo",
    "PerceptualDecision",
    "SineWave",
    "Task",
    "TimedTask",
    "Trials",
    "Yang19",
]
