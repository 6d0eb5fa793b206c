"""`dynalign runs`: the networks in a store: list, show, open and delete them."""

from __future__ import annotations

import argparse
import datetime
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from omegaconf import OmegaConf
from rich.console import Console
from rich.table import Table

from dynalign.cli import terminal
from dynalign.cli.asking import confirmed, refuse
from dynalign.errors import DynalignError
from dynalign.inventory import Kept, delete, inventory, size_of
from dynalign.report import counted, duration, size
from dynalign.store import Run, RunStore, read_json

SHORT = 8
"""Digits of a key that are shown."""


def main() -> None:
    """Do what was typed; exit with 0 if it was done, 1 if not."""
    parser = argparse.ArgumentParser(
        prog="dynalign runs",
        description="The trained networks in a store. Without more words: list them. KEY is the start of a key, as in "
        "the list and in the tables of a sweep.",
    )
    parser.add_argument("--store", type=Path, default=Path("multirun/store"), help="default: multirun/store")
    does = parser.add_subparsers(dest="does", metavar="list | show | open | delete")
    does.add_parser("list", help="a row per network, the newest last")
    does.add_parser("show", help="what a network was trained on, and how it learned").add_argument("key")
    does.add_parser("open", help="print its folder, as for: cd $(dynalign runs open KEY)").add_argument("key")
    deleting = does.add_parser("delete", help="delete networks, and those that go on from them; asks first")
    deleting.add_argument("key", nargs="+")
    deleting.add_argument("--yes", action="store_true", help="do not ask")
    typed = parser.parse_args(sys.argv[1:])
    console = terminal.console()
    terminal.show_warnings()
    try:
        if not typed.store.is_dir():
            raise DynalignError(f"There is no store {typed.store}; --store names another one.")
        store = RunStore(typed.store)
        if typed.does == "show":
            show(store.open(typed.key), console)
        elif typed.does == "open":
            console.print(str(store.open(typed.key).folder), markup=False, soft_wrap=True)
        elif typed.does == "delete":
            sys.exit(remove(store, typed.key, console, yes=typed.yes))
        else:
            tell(store, console)
    except DynalignError as error:
        sys.exit(refuse(str(error)))


def listed(store: RunStore) -> pd.DataFrame:
    """Return a row per finished network of a store, the oldest first; those that cannot be read are left out.

    Columns: key, model, task, learned (rules, phase after phase), noise, seed, epochs, accuracy, seconds, bytes, ended.
    """
    rows = []
    for each in _runs(store):
        config, facts = read_json(each.path / "config.json"), read_json(each.path / "run.json")
        try:
            last = pd.read_csv(each.path / "history.csv").iloc[-1]
            rows.append(_row(each, config, facts, last))
        except (OSError, ValueError, TypeError, KeyError, IndexError, AttributeError):
            continue
    columns = ["key", "model", "task", "learned", "noise", "seed", "epochs", "accuracy", "seconds", "bytes", "ended"]
    return pd.DataFrame(rows, columns=columns).sort_values("ended", ignore_index=True)


def tell(store: RunStore, console: Console) -> None:
    """Print the networks of a store."""
    runs = listed(store)
    table = Table(box=None, header_style="bold", padding=(0, 1), pad_edge=False)
    for head, right in (
        *(("key", 0), ("model", 0), ("learned", 0), ("noise", 1), ("seed", 1)),
        *(("epochs", 1), ("accuracy", 1), ("trained in", 1), ("on disk", 1)),
    ):
        table.add_column(head, justify="right" if right else "left", overflow="fold", no_wrap=head != "learned")
    for row in runs.to_dict("records"):
        table.add_row(
            *(
                row["key"][:SHORT],
                row["model"],
                f"{row['task']}: {row['learned']}",
                f"{row['noise']:g}",
                str(row["seed"]),
            ),
            *(str(row["epochs"]), f"{row['accuracy']:.3f}", duration(row["seconds"]), size(row["bytes"])),
        )
    if len(runs):
        console.print(table)
    total = size(sum(runs["bytes"]))
    console.print(f"{counted(len(runs), 'network')} in {store.root}, {total}", markup=False, soft_wrap=True)


def show(run: Run, console: Console) -> None:
    """Print what a network was trained on, and how it learned."""
    ended = f"{_ended(run.folder):%Y-%m-%d %H:%M}"
    console.print(f"{run.key}  {counted(len(run.epochs), 'checkpoint')}, {duration(run.seconds)}, ended {ended}")
    console.print(f"in {run.folder}, {size(size_of(run.folder))}", markup=False, soft_wrap=True)
    if run.before is not None:
        console.print(f"goes on from {run.before.key}")
    console.print(f"\n{OmegaConf.to_yaml(OmegaConf.create(dict(run.config)))}", markup=False, soft_wrap=True)
    columns = ["epoch", "phase", "train_loss", "val_loss", "accuracy", "chance_accuracy"]
    history = run.history[[name for name in columns if name in run.history]]
    console.print(history.to_string(index=False, na_rep="", float_format="{:.4f}".format), markup=False)
    console.print(
        f'\nRunStore("{run.folder.parent}").open("{run.key[:SHORT]}").states() gives its states in Python.',
        markup=False,
        soft_wrap=True,
    )


def remove(store: RunStore, keys: Sequence[str], console: Console, *, yes: bool) -> int:
    """Delete networks, and those that go on from them, if that is confirmed; return the exit code."""
    kept = {each.path.name: each for each in _runs(store)}
    before = {name: (read_json(each.path / "run.json") or {}).get("before") for name, each in kept.items()}
    going = dict.fromkeys(_key(prefix, kept, store) for prefix in keys)
    for _ in kept:  # those that go on from one that goes on from one, too
        more = [name for name, earlier in before.items() if earlier in going and name not in going]
        if not more:
            break
        going |= dict.fromkeys(more)
    total = size(sum(kept[name].bytes for name in going))
    follow = len(going) - len(set(keys))
    also = f" ({follow} of them because they go on from another)" if follow > 0 else ""
    console.print(f"{', '.join(name[:SHORT] for name in going)}{also}", markup=False, soft_wrap=True)
    if not yes and not confirmed(f"Delete {counted(len(going), 'network')}, {total}?"):
        return 1
    busy = [name for name in going if not delete(kept[name])]
    if busy:
        return refuse(f"{busy[0]} could not be deleted; is a run at work?")
    console.print(f"{counted(len(going), 'network')} deleted, {total}")
    return 0


def _key(prefix: str, kept: dict[str, Kept], store: RunStore) -> str:
    found = [name for name in kept if name.startswith(prefix)]
    if len(found) == 1:
        return found[0]
    raise DynalignError(
        f"{prefix} fits {'no' if not found else len(found)} networks in {store.root}; dynalign runs lists them."
    )


def _runs(store: RunStore) -> list[Kept]:
    return [each for each in inventory(store.root)[0] if each.kind == "runs" and each.path.is_dir()]


def _row(each: Kept, config: Any, facts: Any, last: Any) -> dict[str, Any]:
    noise = (config.get("perturbation") or {}).get("std", 0)
    return {
        "key": each.path.name,
        "model": _class(config["model"]),
        "task": _class(config["task"]),
        "learned": " → ".join(",".join(phase["rules"]) for phase in config["phases"]) or "nothing",
        "noise": float(noise),
        "seed": int(config["seed"]),
        "epochs": int(last["epoch"]),
        "accuracy": float(last["accuracy"]),
        "seconds": float(facts["seconds"]),
        "bytes": each.bytes,
        "ended": _ended(each.path),
    }


def _ended(folder: Path) -> datetime.datetime:
    return datetime.datetime.fromtimestamp((folder / "run.json").stat().st_mtime)


def _class(node: Any) -> str:
    return str(node["_target_"]).rpartition(".")[2]
