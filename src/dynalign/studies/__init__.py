"""Questions asked of runs: how alike are groups of networks after, over and within learning, and what is claimed."""

from dynalign.studies.after_learning import AfterLearning
from dynalign.studies.attractors import CLAIMS, Attractors
from dynalign.studies.base import Claim, Evidence, Marks, Study
from dynalign.studies.blocks import Block, measure_blocks
from dynalign.studies.checkpoints import checkpoints, measure_over_learning
from dynalign.studies.comparing import CONTROLS, Column, Pair, blocks_of_study, compare
from dynalign.studies.judging import accuracies, as_plain, judge_attractors, judge_studies
from dynalign.studies.mamba import Mamba
from dynalign.studies.measuring import Seen, measure_seen
from dynalign.studies.over_learning import OverLearning
from dynalign.studies.pairwise import Trained, blocks_of_trained, comparable, compare_trained
from dynalign.studies.planning import Planned, plan_blocks, plan_learning, plan_pairs, seconds_each, summed
from dynalign.studies.population import POOL, Look, Member, Population, Scale
from dynalign.studies.protocol import PublishedRepresentation
from dynalign.studies.rnn_vs_mamba import RnnVsMamba
from dynalign.studies.trajectories import ExampleTrial, Trajectories, trajectories
from dynalign.studies.truth import JacobianSpectrum, SpectralDistance, fixed_point_table
from dynalign.studies.verdict import Rule
from dynalign.studies.within_learning import WithinLearning

__all__ = [
    "CLAIMS",
    "CONTROLS",
    "POOL",
    "AfterLearning",
    "Attractors",
    "Block",
    "Claim",
    "Column",
    "Evidence",
    "ExampleTrial",
    "JacobianSpectrum",
    "Look",
    "Mamba",
    "Marks",
    "Member",
    "OverLearning",
    "Pair",
    "Planned",
    "Population",
    "PublishedRepresentation",
    "RnnVsMamba",
    "Rule",
    "Scale",
    "Seen",
    "SpectralDistance",
    "Study",
    "Trained",
    "Trajectories",
    "WithinLearning",
    "accuracies",
    "as_plain",
    "blocks_of_study",
    "blocks_of_trained",
    "checkpoints",
    "comparable",
    "compare",
    "compare_trained",
    "fixed_point_table",
    "judge_attractors",
    "judge_studies",
    "measure_blocks",
    "measure_over_learning",
    "measure_seen",
    "plan_blocks",
    "plan_learning",
    "plan_pairs",
    "seconds_each",
    "summed",
    "trajectories",
]
