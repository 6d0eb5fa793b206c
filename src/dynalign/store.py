"""The run store: what was computed, found again by the config that determined it.

Each run has a folder named after the hash of its config. The folder appears under that name, in one rename, when
the run is finished; until then it is called ``<key>.partial``, so that a killed run can go on and no reader ever
sees half a run. A lock file keeps two processes from working on the same run.

A manifest in the folder, written last, has the size and the checksum of every file. A run whose files are not as they
were written is put aside and counts as not there, so that the same command computes it again.
"""

from __future__ import annotations

import io
import json
import math
import os
import shutil
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from filelock import FileLock

from dynalign.errors import DamagedError, DamagedWarning, DynalignError, first_line
from dynalign.identity import KEY_LENGTH, key_of
from dynalign.measurements import Numbers, read_group, write_segment
from dynalign.soundness import MANIFEST, digest, fault_of, manifest_of, put_aside, sealed, unsealed, where_now

Weights = dict[str, torch.Tensor]
T = TypeVar("T")


def write_atomically(path: Path, write: Callable[[Path], Any]) -> None:
    """Let ``write`` make the file beside its place, then move it there in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir() and not path.is_symlink():  # whoever put it there
        put_aside(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        write(temporary)
        temporary.replace(path)
    except OSError as error:
        if error.filename in (None, str(temporary)):  # a full disk does not say what it was full for
            error.filename = str(path)
        raise
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
    except (OSError, ValueError, RecursionError):
        return None


def write_tensors(path: Path, content: Any) -> None:
    """Write what ``torch.save`` can, whole or not at all.

    Written as bytes: of a full disk torch itself says nothing that could be told from other errors.
    """
    buffer = io.BytesIO()
    torch.save(content, buffer)
    write_atomically(path, lambda target: target.write_bytes(buffer.getvalue()))


def load_tensors(path: Path) -> Any:
    """Return what ``torch.save`` has written, of tensors and plain data; no code of a file is run, whatever it says.

    Raises
    ------
    Exception
        Whatever torch may raise of a file that is something else.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of strange files, which are refused anyway
        return torch.load(path, weights_only=True, map_location="cpu")


def write_result(path: Path, content: Mapping[str, Any]) -> None:
    """Write a result that stands alone, with its checksum."""
    write_json(path, sealed(content))


def read_result(path: Path, accept: Callable[[dict[str, Any]], T]) -> T | None:
    """Return what ``accept`` makes of a result that stands alone; None where there is none that can be trusted.

    One that is damaged, or that ``accept`` refuses with an exception, is put aside, with a ``DamagedWarning``.
    """
    if not os.path.lexists(path):
        return None
    content = None if path.is_symlink() else unsealed(read_json(path))
    try:
        if content is not None:
            return accept(content)
    except (DynalignError, ValueError, TypeError, KeyError, AttributeError):
        pass
    _tell_of(path, "it is not what was written", put_aside(path))
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

    def files(self) -> dict[str, Path]:
        """Return the files of the run and of those before it, by their paths within a store."""
        mine = {
            f"{self.key}/{path.relative_to(self.folder).as_posix()}": path
            for path in sorted(self.folder.rglob("*"))
            if path.is_file()
        }
        return mine if self.before is None else {**self.before.files(), **mine}

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
        try:
            return read_weights(weights_file(self.folder, epoch))
        except DamagedError as error:
            raise _damaged(self.folder, f"weights of epoch {epoch}: {error}") from error

    def restore(self, model: torch.nn.Module, epoch: int) -> None:
        """Give a model the weights of a checkpoint.

        Raises
        ------
        DamagedError
            If they are not those of such a model.
        """
        try:
            model.load_state_dict(self.weights(epoch))
        except RuntimeError as error:
            raise _damaged(
                self.folder, f"weights of epoch {epoch} are not those of a {type(model).__name__}"
            ) from error

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


def read_weights(path: Path) -> Weights:
    """Return the weights in a file, by name; no code of a file is run.

    Raises
    ------
    DamagedError
        If the file is missing, or holds anything but tensors.
    """
    try:
        if path.is_symlink():
            raise ValueError("it is a link")
        weights = load_tensors(path)
    except Exception as error:  # torch raises whatever it happens upon
        raise DamagedError(first_line(error)) from error
    if not isinstance(weights, dict) or not all(isinstance(each, torch.Tensor) for each in weights.values()):
        raise DamagedError("it holds something other than tensors")
    return {str(name): tensor for name, tensor in weights.items()}


def last_weights(folder: Path) -> str:
    """Return the checksum of the weights with which a finished run ended."""
    return digest(max((folder / "weights").glob("epoch-*.pt")))


def weights_file(folder: Path, epoch: int) -> Path:
    """Return where a run keeps the weights of a checkpoint."""
    return folder / "weights" / f"epoch-{epoch:04d}.pt"


class RunStore:
    """Finished runs and measurements under one folder.

    From a folder that cannot be written to, finished runs can be read.

    Parameters
    ----------
    root : Path or str
        Made when it does not exist.

    Raises
    ------
    DynalignError
        If the folder cannot be made.
    """

    def __init__(self, root: Path | str) -> None:
        self.root = root = Path(root)
        try:
            root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DynalignError(f"The store {root} cannot be made: {error.strerror}; choose another folder.") from error
        self.writable = os.access(root, os.W_OK)
        self._sound: set[str] = set()
        self._measurements: dict[str, Numbers] = {}

    def find(self, key: str) -> Path | None:
        """Return the folder of the finished run with this key, if there is one whose files are as they were written.

        One whose files are not is put aside, with a ``DamagedWarning``, and counts as not there.
        """
        return self._find(key, locked=False)

    def _find(self, key: str, *, locked: bool) -> Path | None:
        folder = self.root / key
        if not _is_key(key) or not os.path.lexists(folder):
            return None
        if key not in self._sound:
            fault = self._fault(folder)
            if not fault:
                facts = read_json(folder / "run.json")
                before = None if facts.get("before") is None else str(facts["before"])
                there = None if before is None else self.find(before)
                if before is not None and there is None:
                    return None
                if there is not None and facts.get("began", last_weights(there)) != last_weights(there):
                    fault = f"{before}, that it goes on from, has ended with other weights since"
            if fault:
                if locked:
                    _tell_of(folder, fault, put_aside(folder))
                elif self.writable:
                    with self._lock(key):  # another process may be putting a new one in its place
                        return self._find(key, locked=True)
                return None
            self._sound.add(key)
        return folder

    def _fault(self, folder: Path) -> str:
        """Return what is wrong with a finished run, in itself; empty where nothing is."""
        fault = fault_of(folder)
        if fault:
            return fault
        try:
            config, _, history, before = _facts(folder)
            if key_of(config) != folder.name:
                return "its config.json is that of another run"
            if before is not None and not _is_key(before):
                return "its run.json names no run that it goes on from"
            if not (folder / MANIFEST).exists():  # an earlier version has none
                expected = [weights_file(folder, int(epoch)) for epoch in history["epoch"]]
                if set((folder / "weights").iterdir()) != set(expected):
                    return "its history.csv and its weights are not of the same checkpoints"
                for path in expected:
                    read_weights(path)
        except (DynalignError, OSError) as error:
            return first_line(error)
        return ""

    def _lock(self, key: str) -> FileLock:
        return FileLock(self.root / f"{key}.lock")

    def open(self, prefix: str) -> Run:
        """Return the one finished run whose key starts with ``prefix``.

        Raises
        ------
        DynalignError
            If no run's key, or more than one, starts so, or if the run's files cannot be read.
        """
        if _is_key(prefix) and (self.root / prefix).is_dir():  # a whole key, of a store of thousands
            name = prefix
        else:
            finished = sorted(f.name for f in self.root.iterdir() if len(f.name) == KEY_LENGTH and f.is_dir())
            found = [each for each in finished if prefix and each.startswith(prefix)]
            if len(found) != 1:
                keys = ", ".join(finished[:8]) or "none"
                count = "no finished run" if not found else f"{len(found)} finished runs"
                raise DynalignError(
                    f"{prefix} fits {count} in {self.root}; there is {keys}{', ...' if len(finished) > 8 else ''}."
                )
            name = found[0]
        folder = self.find(name)
        if folder is None:
            raise DamagedError(
                f"The run {name} in {self.root} is damaged, or one that it goes on from is; the command that "
                "trained it trains it again."
            )
        return self._read(folder)

    def _read(self, folder: Path) -> Run:
        config, seconds, history, earlier = _facts(folder)
        if earlier is None:
            return Run(folder.name, folder, config, history, seconds)
        before = self._read(self.root / earlier)
        whole = pd.concat([before.history, history], ignore_index=True)
        return Run(folder.name, folder, config, whole, before.seconds + seconds, before)

    @contextmanager
    def writing(self, key: str) -> Iterator[Path | None]:
        """Hold the lock of a run and yield the folder to work in, or None if the run is finished.

        On leaving without an exception the folder gets its manifest and its final name. After an exception, or a kill,
        it stays as it is, for the next process to go on with.

        Raises
        ------
        DynalignError
            If the store cannot be written to.
        """
        if not self.writable:
            raise DynalignError(f"The store {self.root} cannot be written to; choose another folder.")
        with self._lock(key):
            final, partial = self.root / key, self.root / f"{key}.partial"
            if partial.is_dir() and (partial / MANIFEST).exists() and not self._find(key, locked=True):
                if fault_of(partial):
                    (partial / MANIFEST).unlink()
                else:
                    partial.rename(final)  # killed between its last two steps
            if self._find(key, locked=True) is not None:
                yield None
                return
            if partial.is_symlink() or (partial.exists() and not partial.is_dir()):
                _tell_of(partial, "it is no folder", put_aside(partial))
            partial.mkdir(exist_ok=True)
            yield partial
            write_json(partial / MANIFEST, manifest_of(partial))
            partial.rename(final)

    def measured(self, group: Mapping[str, Any]) -> Numbers:
        """Return what is known of a group of measurements: (dissimilarity, seconds) by key.

        Parameters
        ----------
        group : mapping
            What all of them share, such as the metric, its settings and its code.
        """
        name = key_of(group)
        if name not in self._measurements:
            self._measurements[name] = read_group(self.root / "measurements" / name)
        return self._measurements[name]

    def add_measured(self, group: Mapping[str, Any], values: Mapping[str, tuple[float, float]]) -> None:
        """Keep measurements of a group; numbers only, since a failure may not happen again.

        They are written as one new file, so that processes that measure at the same time do not wait for each other.

        Raises
        ------
        DynalignError
            If the file cannot be written.
        """
        numbers = {key: value for key, value in values.items() if math.isfinite(value[0])}
        known = self.measured(group)
        new = {key: value for key, value in numbers.items() if key not in known}
        if new and self.writable:
            write_segment(self.root / "measurements" / key_of(group), new, write_atomically)
            known |= new

    def file(self, name: Mapping[str, Any]) -> Path:
        """Return the JSON file of a result that ``name`` determines, whether it exists or not."""
        return self.root / "measurements" / f"{key_of(name)}.json"


def _facts(folder: Path) -> tuple[dict[str, Any], float, pd.DataFrame, str | None]:
    """Return what a finished run says of itself: config, seconds, history, and the run that it goes on from."""
    facts, config = read_json(folder / "run.json"), read_json(folder / "config.json")
    if not isinstance(facts, dict) or not isinstance(facts.get("seconds"), int | float):
        raise DamagedError("its run.json is missing or cannot be read")
    if not isinstance(config, dict) or not config:
        raise DamagedError("its config.json is missing or cannot be read")
    try:
        history = pd.read_csv(folder / "history.csv")
        epochs = history["epoch"].to_numpy(dtype=int) if "epoch" in history else np.empty(0, int)
        numbers = len(epochs) > 0 and bool((np.diff(epochs) > 0).all()) and "accuracy" in history
        if numbers:
            history["accuracy"].astype(float)
    except (OSError, ValueError, TypeError) as error:
        raise DamagedError(f"its history.csv cannot be read ({first_line(error)})") from error
    if not numbers:
        raise DamagedError("its history.csv has no checkpoints")
    before = facts.get("before")
    return config, float(facts["seconds"]), history, None if before is None else str(before)


def _is_key(word: str) -> bool:
    """Whether a word can be a run's key, rather than a path that leads elsewhere."""
    return len(word) == KEY_LENGTH and word.isalnum()


def _tell_of(path: Path, fault: str, aside: Path | None) -> None:
    """Say that something is damaged, and where it is now."""
    warnings.warn(
        f"The stored {path} is damaged ({fault}); {where_now(aside)}, and is computed again.",
        DamagedWarning,
        stacklevel=3,
    )


def _damaged(folder: Path, why: object) -> DamagedError:
    """Put a finished run aside whose damage shows only now; return what there is to raise."""
    aside = put_aside(folder)
    done = f"it was put aside as {aside.name}" if aside is not None else "put its folder aside"
    return DamagedError(
        f"The stored {folder} is damaged ({first_line(why)}); {done}, and the same command computes it again."
    )


def discard(folder: Path) -> None:
    """Delete a folder and what is in it; a file or a link of its name, too."""
    if folder.is_symlink() or folder.is_file():
        folder.unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
