# %% [markdown]
# # My Lightning module
#
# You train a network of your own with Lightning, and want to know *when* its dynamics change. One callback does that, and needs nothing
# else of dynalign. [Open it in Jupyter](lightning.ipynb).
#
# The network here is a GRU that is shown noisy evidence and says at the end on which side of 0 its mean was.

# %%
import logging
import warnings

import pandas as pd
import pytorch_lightning as pl
import torch
from matplotlib.figure import Figure

from dynalign.metrics import CKA, DSA, Procrustes
from dynalign.training import DissimilarityCallback

logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)  # only what goes wrong
warnings.filterwarnings("ignore", ".*does not have many workers")
torch.manual_seed(0)


class Evidence(pl.LightningModule):
    def __init__(self):
        super().__init__()
        self.rnn = torch.nn.GRU(1, 24, batch_first=True)  # its output is (trials, time, units)
        self.readout = torch.nn.Linear(24, 2)

    def forward(self, inputs):
        states, _ = self.rnn(inputs)
        return self.readout(states[:, -1])

    def training_step(self, batch):
        inputs, side = batch
        return torch.nn.functional.cross_entropy(self(inputs), side)

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=5e-3)


def trials(number, seed):
    generator = torch.Generator().manual_seed(seed)
    side = torch.randint(2, (number,), generator=generator)
    mean = (2.0 * side - 1)[:, None, None] * 0.3
    return mean + torch.randn(number, 40, 1, generator=generator), side


# %% [markdown]
# The callback is given a fixed batch of inputs, the *probe*, and where the states are: the submodule `rnn`. At every epoch it runs the
# network on the probe and compares the states with those before training. It changes nothing in the network, and draws no random number.

# %%
probe, _ = trials(60, seed=1)
callback = DissimilarityCallback(probe, "rnn", [DSA(), CKA(), Procrustes()])

loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(*trials(640, seed=2)), batch_size=64)
network = Evidence()
trainer = pl.Trainer(
    max_epochs=6,
    callbacks=[callback],
    accelerator="cpu",
    logger=False,
    enable_checkpointing=False,
    enable_progress_bar=False,
    enable_model_summary=False,
)
trainer.fit(network, loader)

inputs, side = trials(1000, seed=3)
print(f"accuracy {(network.eval()(inputs).argmax(1) == side).float().mean():.3f}")

# %% [markdown]
# `callback.records` has every number. `floor` is how far halves of the probe's own trials are apart: where the dissimilarity is no higher,
# nothing has changed that this probe could show. Metrics that compare trial by trial have none, for two halves hold different trials.

# %%
records = pd.DataFrame([vars(record) for record in callback.records])
records.pivot(index="epoch", columns="metric", values="dissimilarity")

# %%
figure = Figure(figsize=(6, 3), layout="constrained")
axes = figure.subplots()
for metric, rows in records.groupby("metric"):
    axes.plot(rows["epoch"], rows["dissimilarity"], "o-", label=metric)
floor = records[records["metric"] == "DSA"]
axes.fill_between(floor["epoch"], 0, floor["floor"].astype(float), alpha=0.2, label="floor of DSA")
axes.set(xlabel="epoch", ylabel="dissimilarity to the untrained network", ylim=(0, None))
axes.legend(frameon=False)
figure

# %% [markdown]
# The same numbers go to your loggers as `dissimilarity/dsa` and so on, and to `trainer.callback_metrics`, so that `EarlyStopping` and
# `ModelCheckpoint` can look at them. [What else the callback takes](../api/training.md).
