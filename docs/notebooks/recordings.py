# %% [markdown]
# # My recordings
#
# Two animals, other neurons in each, no trial in common, trials of unequal length. Do they share dynamics? The recordings here are
# simulated, so that the answer is known: *A* and *B* have the same hidden oscillation, *C* a faster one. [Open it in
# Jupyter](recordings.ipynb).

# %%
import numpy as np
from matplotlib.figure import Figure
from scipy.ndimage import gaussian_filter1d

from dynalign.errors import DynalignError
from dynalign.metrics import CKA, DSA, compare_groups, pairwise, reliability

BIN_MS, SMOOTH_MS = 20, 40


def recording(hertz, neurons, trials, seed):
    """Spike counts of one session: a list of trials (time, neurons), each as long as it happened to be."""
    rng = np.random.default_rng(seed)
    tuning, offset = rng.normal(size=(2, neurons)) * 0.8, np.log(20 * BIN_MS / 1000)
    counts = []
    for _ in range(trials):
        time = np.arange(rng.integers(70, 100)) * BIN_MS / 1000
        phase = 2 * np.pi * hertz * time + rng.uniform(0, 2 * np.pi)
        hidden = np.stack([np.cos(phase), np.sin(phase)], axis=1)
        counts.append(rng.poisson(np.exp(hidden @ tuning + offset)))
    return counts


def smoothed(counts):
    """Firing rates, on the scale of square roots, on which the noise of a count does not depend on its rate."""
    return [gaussian_filter1d(np.sqrt(trial), SMOOTH_MS / BIN_MS, axis=0) for trial in counts]


animals = {
    "A": smoothed(recording(hertz=1.5, neurons=40, trials=40, seed=0)),
    "B": smoothed(recording(hertz=1.5, neurons=55, trials=40, seed=1)),
    "C": smoothed(recording(hertz=3.0, neurons=40, trials=40, seed=2)),
}
print({name: (len(trials), sorted({len(trial) for trial in trials})[:3]) for name, trials in animals.items()})

# %% [markdown]
# ## How far apart?
#
# A list of trials is a system; their lengths, and the numbers of trials and of neurons, may differ. No delay vector crosses from one trial
# into the next.

# %%
metric = DSA()
matrix = pairwise(metric, list(animals.values()), names=list(animals))
print(np.round(matrix, 3))

# %% [markdown]
# ## Farther than from itself?
#
# Halves of the trials of *A*, drawn at random, are what "the same" measures at with so many trials and so much noise: the floor.

# %%
print(reliability(metric, animals["A"], others=[animals["B"]]))
print()
print(reliability(metric, animals["A"], others=[animals["C"]]))

# %% [markdown]
# ## Can the fit be trusted?

# %%
print(metric.explain(animals["A"], animals["C"]))

# %% [markdown]
# ## Groups
#
# Several sessions of each kind, and the question whether sessions of one kind are nearer to each other than to those of the other.

# %%
sessions = {
    "slow": [smoothed(recording(1.5, neurons=40, trials=25, seed=10 + n)) for n in range(4)],
    "fast": [smoothed(recording(3.0, neurons=40, trials=25, seed=20 + n)) for n in range(4)],
}
found = compare_groups(metric, sessions)
print(found)

# %%
figure = Figure(figsize=(4.2, 3.4), layout="constrained")
axes = figure.subplots()
image = axes.imshow(found.matrix, vmin=0, cmap="viridis")
axes.set_xticks(range(len(found.names)), found.names, rotation=60, ha="right")
axes.set_yticks(range(len(found.names)), found.names)
figure.colorbar(image, label="DSA, angle / (π/2)")
figure

# %% [markdown]
# ## What needs matched trials
#
# `CKA`, `Procrustes`, `CCA`, `RSA` and `SoftMatching` compare trial with trial and moment with moment. Two animals on trials of their own
# have nothing to match, and the metric says so instead of giving a number:

# %%
try:
    CKA()(animals["A"], animals["B"])
except DynalignError as error:
    print(error)

# %% [markdown]
# Where conditions are known, the mean over the trials of each condition, cut to the same time steps, makes arrays (conditions, time,
# neurons) that match.
