"""What a killed training goes on from: its last checkpoint, or the one before where that cannot be trusted."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.plugins.io import TorchCheckpointIO

from dynalign.errors import DamagedWarning, first_line
from dynalign.soundness import digest, put_aside, where_now
from dynalign.store import load_tensors, weights_file, write_tensors
from dynalign.training.checkpoints import WeightsHistory

_NAMES = _LAST, _BEFORE = "last.ckpt", "before.ckpt"
_OWN = "dynalign"  # what is ours in a checkpoint of Lightning


class WholeFiles(TorchCheckpointIO):
    """Writes a checkpoint whole or not at all, and keeps the one before."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:  # noqa: ARG002
        """Write a checkpoint beside its place, and move it there; what stood there becomes the one before."""
        place = Path(path)
        new = place.with_name(f"new-{place.name}")
        write_tensors(new, checkpoint)
        if place.name == _LAST and place.exists():
            place.replace(place.with_name(_BEFORE))
        new.replace(place)


class Resumable(ModelCheckpoint):
    """Keeps what resuming needs, unless training stops here: resumed from there it would not know, and go on.

    Parameters
    ----------
    folder : Path
    run : str
        The key of the run, which its checkpoints say.
    """

    def __init__(self, folder: Path, run: str) -> None:
        super().__init__(
            folder,
            filename=Path(_LAST).stem,
            every_n_epochs=1,
            save_on_train_epoch_end=True,
            enable_version_counter=False,
        )
        self._run = run

    def on_save_checkpoint(self, *given: Any) -> None:
        """Say whose checkpoint it is; given are the trainer, the module and the checkpoint."""
        given[-1][_OWN] = {"run": self._run}

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Keep the state after this epoch."""
        if not trainer.should_stop:
            super().on_train_epoch_end(trainer, pl_module)


def checkpoint_in(
    folder: Path, run: str, module: pl.LightningModule, weights: Path
) -> tuple[Path, frozenset[str]] | None:
    """Return the newest checkpoint that a training can go on from, and the keys of the callbacks that it has states of.

    One that is damaged, or that of another network, is put aside with a ``DamagedWarning``.

    Parameters
    ----------
    folder : Path
        Where ``Resumable`` has kept them.
    run : str
        The key of the run.
    module : LightningModule
        As it is to be trained.
    weights : Path
        The run's folder, whose weights the checkpoint must be able to count on.
    """
    for name in _NAMES:
        path = folder / name
        if not os.path.lexists(path):
            continue
        fault, known = _looked_at(path, run, module, weights)
        if not fault:
            return path, known
        aside = put_aside(path)
        warnings.warn(
            f"The checkpoint {path} is damaged ({fault}); {where_now(aside)}, and training goes on from the one "
            "before, or begins again.",
            DamagedWarning,
            stacklevel=2,
        )
        if aside is None:
            return None
    return None


def _looked_at(path: Path, run: str, module: pl.LightningModule, weights: Path) -> tuple[str, frozenset[str]]:
    """Return what is wrong with a checkpoint, if anything, and whose states it has."""
    nobody: frozenset[str] = frozenset()
    try:
        if path.is_symlink():
            return "it is a link", nobody
        found = load_tensors(path)
    except Exception as error:  # torch raises whatever it happens upon
        return first_line(error), nobody
    try:
        if found.get(_OWN, {"run": run})["run"] != run:
            return "it is that of another run", nobody
        shapes = {name: tensor.shape for name, tensor in module.state_dict().items()}
        if {name: tensor.shape for name, tensor in found["state_dict"].items()} != shapes:
            return "it is that of another network", nobody
        saved = found["callbacks"].get(WeightsHistory.__qualname__, {}).get("saved", {})
        lost = [epoch for epoch, checksum in saved.items() if not _is_there(weights_file(weights, epoch), checksum)]
        if lost:
            return f"the weights of epoch {lost[0]} are not what was saved with it", nobody
        return "", frozenset(found["callbacks"])
    except (AttributeError, KeyError, TypeError):
        return "it lacks what a checkpoint has", nobody


def _is_there(path: Path, checksum: str) -> bool:
    try:
        return digest(path) == checksum
    except OSError:
        return False


def with_states(callbacks: list[pl.Callback], known: frozenset[str]) -> list[pl.Callback]:
    """Return the callbacks that can go on from a checkpoint: not those whose state it should have, and has not.

    Such a one looks at something else than the training did that was killed: it would take a network in the middle of
    its training for the untrained one.
    """
    return [callback for callback in callbacks if callback.state_key in known or not callback.state_dict()]
