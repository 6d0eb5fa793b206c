# %% [markdown]
# # A study, from start to figure
#
# The question: does noise on its inputs change the dynamics that a network learns, by more than another seed does? The networks here are
# small and train for seconds, so that this page can be made anew whenever the code changes. A study of yours takes the same four steps.
# [Open it in Jupyter](study.ipynb).
#
# ## 1. Train, and measure on the way
#
# One line, as in a terminal: three seeds without noise and three with.

# %%
# !dynalign train -m noise=0,0.5 seed=0,1,2 curriculum=basic model.hidden=16 trainer.epochs=6 trainer.batches_per_epoch=20 trainer.learned=null trainer.gate=null trainer.validation_trials=200 task.timing.train.stimulus=[500] task.timing.test.stimulus=500 metric=[dsa,cka] logger=none hydra.sweep.dir=multirun/noise

# %% [markdown]
# Typed again, it trains nothing: the networks are in the store. `multirun/noise` holds a page, `report.html`, and the tables.
#
# ## 2. Open what it left
#
# A row per network:

# %%
from dynalign.results import Sweep
from dynalign.store import RunStore

sweep, store = Sweep.load("multirun/noise"), RunStore("multirun/store")
runs = sweep.runs()
runs[["run", "noise", "seed", "accuracy", "key"]]

# %% [markdown]
# ## 3. Ask
#
# The states of the trained networks, on the same probe trials; and whether two networks of one kind are nearer to each other than two of
# different kinds.

# %%
from dynalign.metrics import CKA, DSA, compare_groups
from dynalign.representations import Representation

probe = Representation(rule="basic")


def states(noise):
    """What metrics see of all networks that were trained with this noise."""
    chosen = [store.open(key) for key in runs.loc[runs["noise"] == noise, "key"]]
    return [probe.of(run, run.epochs[-1]) for run in chosen]


groups = {"without noise": states(0), "noise 0.5": states(0.5)}
found = {metric.title: compare_groups(metric, groups) for metric in (DSA(), CKA())}
for each in found.values():
    print(each)
    print()

# %% [markdown]
# A ratio of 1 says that noise makes no more of a difference than a seed. Look at its interval before you believe the number: three networks
# of each kind say little, and the interval shows it.
#
# ## 4. Draw
#
# How far each network moves from its untrained self while it learns, and how far the groups are apart in the end:

# %%
from matplotlib.figure import Figure

table = sweep.table()
learning = table[(table["comparison"] == "learning") & (table["metric"] == "DSA")]
figure = Figure(figsize=(8, 3), layout="constrained")
left, right = figure.subplots(1, 2)
for colour, (noise, rows) in zip(("tab:blue", "tab:orange"), learning.groupby("noise"), strict=True):
    for _, run in rows.groupby("run"):
        left.plot(run["epoch"], run["dissimilarity"], color=colour, alpha=0.3, lw=1)
    mean = rows.groupby("epoch")["dissimilarity"].mean()
    left.plot(mean.index, mean, color=colour, lw=2.5, label=f"noise {noise:g}")
left.set(xlabel="epoch", ylabel="DSA to the untrained network", ylim=(0, None))
left.legend(frameon=False)

for place, each in enumerate(found.values()):
    for shift, part, colour in ((-0.12, each.within, "tab:gray"), (0.12, each.between, "tab:red")):
        reach = [[part.value - part.low], [part.high - part.value]]
        right.errorbar(place + shift, part.value, yerr=reach, fmt="o", color=colour, capsize=4)
right.set(xticks=range(len(found)), ylabel="dissimilarity", ylim=(0, None), xlim=(-0.5, 1.5))
right.set_xticklabels(found)
right.legend(["within a group", "between groups"], frameon=False)
figure
