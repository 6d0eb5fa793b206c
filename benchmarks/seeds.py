"""Do the default networks learn their task, whatever the seed and whatever the processor?

    python benchmarks/seeds.py --kernels default,avx2,avx512,mkl_compatible --csv seeds.csv

Trains every default model with many seeds, from scratch on the whole perceptual decision task, and prints what share of
them reaches an accuracy of 0.95 on the trials that have an answer, and the seconds that a network takes. A kernel is a
way in which PyTorch and MKL may compute, set by the environment variables that users of such a processor would
find in effect; every kernel has a process of its own. The CSV holds one row per network; those that stand in it, with
the same settings, are not trained again. Settings may be overridden as for train.py: ``trainer.epochs=20``.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from dynalign.cli import CONF
from dynalign.cli.job import build_job
from dynalign.store import RunStore
from dynalign.training import RunSpec, obtain

KERNELS = {
    "native": {},
    "default": {"ATEN_CPU_CAPABILITY": "default"},
    "avx2": {"ATEN_CPU_CAPABILITY": "avx2"},
    "avx512": {"ATEN_CPU_CAPABILITY": "avx512"},
    "mkl_avx2": {"MKL_CBWR": "AVX2"},
    "mkl_compatible": {"MKL_CBWR": "COMPATIBLE"},
    "oldest": {"ATEN_CPU_CAPABILITY": "default", "MKL_CBWR": "COMPATIBLE"},
}
"""How PyTorch's own loops (ATEN) and the matrix products of MKL are told to compute.

Two names need not be two ways: on a processor with AVX-512, avx2 and avx512 gave the RNN and the GRU to the same bit
(in one short training), though not Mamba.
"""
ENOUGH = 0.95


def spec_of(model: str, seed: int, overrides: list[str]) -> RunSpec:
    """Return the run that ``python train.py model=... seed=...`` would train."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        chosen = [f"model={model}", f"seed={seed}", *overrides]
        whole: Any = compose("train", overrides=chosen, return_hydra_config=True)
        config: Any = OmegaConf.masked_copy(whole, [key for key in whole if key != "hydra"])
        return build_job(config, whole.hydra).spec


def train(spec: RunSpec) -> dict[str, Any]:
    """Train a network and return its row."""
    with tempfile.TemporaryDirectory() as folder:
        run, _ = obtain(spec, RunStore(Path(folder)))
    last = run.history.iloc[-1]
    return {"accuracy": last["accuracy"], "epochs": last["epoch"], "seconds": round(run.seconds, 2)}


def rows(csv: Path) -> pd.DataFrame:
    """Read what is trained already."""
    columns = ["model", "kernel", "seed", "key", "accuracy", "epochs", "seconds", "threads", "capability"]
    return pd.read_csv(csv) if csv.exists() else pd.DataFrame(columns=columns)


def train_missing(kernel: str, arguments: argparse.Namespace) -> None:
    """Train, in this process, those networks of one kernel that the CSV lacks."""
    torch.set_num_threads(arguments.threads)
    for model in arguments.models:
        for seed in range(arguments.seeds):
            spec = spec_of(model, seed, arguments.overrides)
            known = rows(arguments.csv)
            if ((known["key"] == spec.key) & (known["kernel"] == kernel)).any():
                continue
            row = {"model": model, "kernel": kernel, "seed": seed, "key": spec.key} | train(spec)
            row |= {"threads": arguments.threads, "capability": torch.backends.cpu.get_cpu_capability()}
            pd.DataFrame([row]).to_csv(arguments.csv, mode="a", header=not arguments.csv.exists(), index=False)
            print(f"{model:6} {kernel:10} seed {seed:2}: {row['accuracy']:.3f} in {row['seconds']:.1f} s", flush=True)


def _listed(text: str) -> list[str]:
    return text.split(",")


def _kernels(text: str) -> list[str]:
    unknown = set(_listed(text)) - set(KERNELS)
    if unknown:
        raise argparse.ArgumentTypeError(f"{', '.join(sorted(unknown))} is none of {', '.join(KERNELS)}")
    return _listed(text)


def main() -> None:
    """Train what is missing, kernel by kernel, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("overrides", nargs="*", help="settings, as for train.py")
    parser.add_argument("--models", type=_listed, default=["rnn", "gru", "mamba"], help="default rnn,gru,mamba")
    parser.add_argument("--seeds", type=int, default=20, help="seeds of each model (default 20)")
    parser.add_argument("--kernels", type=_kernels, default=["native"], help=f"among {','.join(KERNELS)} (native)")
    parser.add_argument("--threads", type=int, default=1, help="threads of PyTorch (default 1)")
    parser.add_argument("--csv", type=Path, default=Path("seeds.csv"))
    parser.add_argument("--inside", choices=KERNELS, help=argparse.SUPPRESS)  # in a process of this kernel
    arguments = parser.parse_intermixed_args()
    if arguments.inside:
        train_missing(arguments.inside, arguments)
        return
    for kernel in arguments.kernels:
        threads = {"OMP_NUM_THREADS": str(arguments.threads), "MKL_NUM_THREADS": str(arguments.threads)}
        command = [sys.executable, __file__, *sys.argv[1:], "--inside", kernel]
        subprocess.run(command, env=os.environ | threads | KERNELS[kernel], check=True)
    known = rows(arguments.csv)
    keys = [spec_of(m, s, arguments.overrides).key for m in arguments.models for s in range(arguments.seeds)]
    known = known[known["key"].isin(keys)]
    table = known.groupby(["model", "kernel"], sort=False).agg(
        seeds=("seed", "size"),
        enough=("accuracy", lambda accuracy: int((accuracy >= ENOUGH).sum())),
        least=("accuracy", "min"),
        median=("accuracy", "median"),
        seconds=("seconds", "median"),
    )
    print(table.rename(columns={"enough": f">= {ENOUGH}"}).round(3).to_string())


if __name__ == "__main__":
    main()
