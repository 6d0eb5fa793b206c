"""Cognitive tasks: trials of NeuroGym's environments, made in batches.

A task is configured once and asked for trials::

    task = PerceptualDecision(dt=20)
    trials = task.trials(64, ["delay", "delay_anti"], np.random.default_rng(0))
    trials.inputs  # (64, time, task.n_inputs)
"""

from dynalign.tasks.base import Task
from dynalign.tasks.decision import PERIODS, RULES, DecisionTask
from dynalign.tasks.gonogo import GoNogo
from dynalign.tasks.perceptual_decision import PerceptualDecision
from dynalign.tasks.trials import IGNORE, Trials

__all__ = ["IGNORE", "PERIODS", "RULES", "DecisionTask", "GoNogo", "PerceptualDecision", "Task", "Trials"]
