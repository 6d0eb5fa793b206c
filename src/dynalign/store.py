"""The run store: what was computed, found again by the config that determined it.

Each run has a folder named after the hash of its config. The folder appears under that name, in one rename, when
the run is finished; until then it is called ``<key>.partial``, so that a killed run can go on and no reader ever
sees half a run. A lock file keeps two processes from working on the same run.
"""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from filelock import FileLock

from dynalign.errors import DamagedError, DynalignError
from dynalign.identity import KEY_LENGTH, key_of

Weights = dict[str, torch.Tensor]


def write_atomically(path: Path, write: Callable[[Path], Any]) -> None:
    """Let ``write`` make the file beside its place, then move it there in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        write(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, content: Any) -> None:
    """Write ``content`` as JSON, whole or not at all."""
    write_text(path, json.dumps(content, indent=1))


def write_text(path: Path, text: str) -> None:
    """Write text, whole or not at all."""
    write_atomically(path, lambda target: target.write_text(text, encoding="utf-8"))


def read_json(path: Path) -> Any:
    """Return the content of a JSON file, or None where there is none that can be read."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError):
        return None


@dataclass(frozen=True)
class Run:
    """A finished run, as data: nothing of it can run code.

    Attributes
    ----------
    key : str
        Hash of ``config``.
    folder : Path
    config : dict
        What determined the network, in plain numbers, text, lists and mappings.
    history : DataFrame
        One row per checkpoint, those of ``before`` included: epoch, step, phase, train_loss, val_loss and
        phase_accuracy (on the rules of the phase), accuracy, chance_accuracy; and the accuracy on every rule that was
        asked, as ``accuracy/<rule>``.
    seconds : float
        What training took, that of ``before`` included.
    before : Run, optional
        The run of the phases before the last one, which others may share.
    """

    key: str
    folder: Path
    config: Mapping[str, Any]
    history: pd.DataFrame
    seconds: float
    before: Run | None = None

    @property
    def epochs(self) -> list[int]:
        """The checkpoints, from the untrained network (0) to the last."""
        return [int(epoch) for epoch in self.history["epoch"]]

    def weights(self, epoch: int) -> Weights:
        """Return the model's weights at a checkpoint, by name.

        Raises
        ------
        DynalignError
            If there is no such checkpoint.
        DamagedError
            If its file is missing or cannot be read.
        """
        if epoch not in self.epochs:
            raise DynalignError(f"Run {self.key} has no checkpoint {epoch}; it has {self.epochs}.")
        if self.before is not None and epoch in self.before.epochs:
            return self.before.weights(epoch)
        path = weights_file(self.folder, epoch)
        try:
            weights: Weights = torch.load(path, weights_only=True, map_location="cpu")
        except Exception as error:
            raise _damaged(path, error) from error
        return weights

    def states(
        self,
        epoch: int | None = None,
        *,
        period: str | None = "stimulus",
        components: int | None = None,
        classes: Iterable[type] = (),
        **more: Any,
    ) -> npt.NDArray[np.floating]:
        """Return the network's states on its probe trials, shape (trials, time, units).

        Parameters
        ----------
        epoch : int, optional
            A checkpoint; by default the last one, the trained network.
        period : str or None
            Period of the trial, or None for all of it.
        components : int, optional
            Principal components to keep; all units by default.
        classes : iterable of type
            Classes of models, tasks and noise that are not of this package, if the run was made with such.
        **more
            Other settings of ``dynalign.representations.Representation``, such as ``trials=200``.

        Raises
        ------
        DynalignError
            If there is no such checkpoint or period, or a class is missing.
        """
        from dynalign.representations import Representation  # what a store is for needs no network

        shown = Representation(period=period, components=components, **more)
        return shown.of(self, self.epochs[-1] if epoch is None else epoch, classes=classes)


def weights_file(folder: Path, epoch: int) -> Path:
    """Return where a run keeps the weights of a checkpoint."""
    return folder / "weights" / f"epoch-{epoch:04d}.pt"


class RunStore:
    """Finished runs and measurements under one folder.

    Parameters
    ----------
    root : Path or str
        Made when it does not exist.

    Raises
    ------
    DynalignError
        If the folder cannot be made or written to.
    """

    def __init__(self, root: Path | str) -> None:
        self.root = root = Path(root)
        try:
            root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DynalignError(f"The store {root} cannot be made: {error.strerror}; choose another folder.") from error
        if not os.access(root, os.W_OK):
            raise DynalignError(f"The store {root} cannot be written to; choose another folder.")
        self._measurements: dict[str, dict[str, tuple[float, float]]] = {}

    def find(self, key: str) -> Path | None:
        """Return the folder of the finished run with this key, if there is one."""
        folder = self.root / key
        return folder if folder.is_dir() else None

    def open(self, prefix: str) -> Run:
        """Return the one finished run whose key starts with ``prefix``.

        Raises
        ------
        DynalignError
            If no run's key, or more than one, starts so, or if the run's files cannot be read.
        """
        finished = sorted(f for f in self.root.iterdir() if len(f.name) == KEY_LENGTH and f.is_dir())
        found = [folder for folder in finished if prefix and folder.name.startswith(prefix)]
        if len(found) != 1:
            keys = ", ".join(folder.name for folder in finished[:8]) or "none"
            count = "no finished run" if not found else f"{len(found)} finished runs"
            raise DynalignError(
                f"{prefix} fits {count} in {self.root}; there is {keys}{', ...' if len(finished) > 8 else ''}."
            )
        return self._read(found[0])

    def _read(self, folder: Path) -> Run:
        facts, config = read_json(folder / "run.json"), read_json(folder / "config.json")
        if not isinstance(facts, dict) or not isinstance(config, dict) or not config or "seconds" not in facts:
            raise _damaged(folder, "run.json or config.json is missing or cannot be read")
        try:
            history = pd.read_csv(folder / "history.csv")
        except (OSError, ValueError) as error:
            raise _damaged(folder / "history.csv", error) from error
        if not len(history) or not {"epoch", "accuracy"} <= set(history):
            raise _damaged(folder / "history.csv", "it has no checkpoints")
        seconds, earlier = float(facts["seconds"]), facts.get("before")
        if earlier is None:
            return Run(folder.name, folder, config, history, seconds)
        if self.find(str(earlier)) is None:
            raise _damaged(folder, f"the run {earlier} that it goes on from is gone")
        before = self._read(self.root / str(earlier))
        whole = pd.concat([before.history, history], ignore_index=True)
        return Run(folder.name, folder, config, whole, before.seconds + seconds, before)

    @contextmanager
    def writing(self, key: str) -> Iterator[Path | None]:
        """Hold the lock of a run and yield the folder to work in, or None if the run is finished.

        On leaving without an exception the folder gets its final name. After an exception, or a kill, it stays as
        it is, for the next process to go on with.
        """
        with FileLock(self.root / f"{key}.lock"):
            if self.find(key) is not None:
                yield None
                return
            partial = self.root / f"{key}.partial"
            partial.mkdir(exist_ok=True)
            yield partial
            partial.rename(self.root / key)

    def measured(self, group: Mapping[str, Any]) -> dict[str, tuple[float, float]]:
        """Return what is known of a group of measurements: (dissimilarity, seconds) by key.

        Parameters
        ----------
        group : mapping
            What all of them share, such as the metric, its settings and its code.
        """
        name = key_of(group)
        if name not in self._measurements:
            found: dict[str, tuple[float, float]] = {}
            for path in (self.root / "measurements" / name).glob("*.jsonl"):
                found |= _read_measurements(path)
            self._measurements[name] = found
        return self._measurements[name]

    def add_measured(self, group: Mapping[str, Any], values: Mapping[str, tuple[float, float]]) -> None:
        """Keep measurements of a group; numbers only, since a failure may not happen again.

        They are written as one new file, so that processes that measure at the same time do not wait for each other.
        """
        numbers = {key: value for key, value in values.items() if math.isfinite(value[0])}
        known = self.measured(group)
        new = {key: value for key, value in numbers.items() if key not in known}
        if new:
            rows = [json.dumps({"key": key, "dissimilarity": d, "seconds": s}) for key, (d, s) in new.items()]
            path = self.root / "measurements" / key_of(group) / f"{key_of({'rows': rows})}.jsonl"
            write_atomically(path, lambda target: target.write_text("\n".join(rows) + "\n", encoding="utf-8"))
            known |= new

    def file(self, name: Mapping[str, Any]) -> Path:
        """Return the JSON file of a result that ``name`` determines, whether it exists or not."""
        return self.root / "measurements" / f"{key_of(name)}.json"


def _read_measurements(path: Path) -> dict[str, tuple[float, float]]:
    """Return the measurements in a file; a line that is damaged counts as not measured."""
    found = {}
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            row = json.loads(line)
            value = (float(row["dissimilarity"]), float(row["seconds"]))
        except (ValueError, KeyError, TypeError):
            continue
        if math.isfinite(value[0]):
            found[str(row["key"])] = value
    return found


def _damaged(path: Path, why: object) -> DamagedError:
    return DamagedError(
        f"The stored {path} cannot be read ({str(why).splitlines()[0]}); delete its run's folder, and it is computed "
        "again."
    )


def discard(folder: Path) -> None:
    """Delete a folder and what is in it."""
    shutil.rmtree(folder, ignore_errors=True)
