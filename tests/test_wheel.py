"""The package as others get it: a wheel, installed elsewhere, used from an empty folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import textwrap
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TINY = [
    "trainer.epochs=1", "trainer.batches_per_epoch=2", "trainer.batch_size=8", "trainer.validation_trials=20",
    "representation.trials=20", "logger=none",
]  # fmt: skip

pytestmark = pytest.mark.slow


class Elsewhere:
    """An environment that has the wheel, and of this environment's packages all, or the named ones only."""

    def __init__(self, folder: Path, wheel: Path, only: list[str] | None = None) -> None:
        self.folder = folder
        venv.create(folder / "env", symlinks=True)
        scripts = "Scripts" if os.name == "nt" else "bin"
        self.bin = folder / "env" / scripts
        python = self.bin / "python"
        shared = Path(sysconfig.get_path("purelib"))
        # A folder on sys.path by PYTHONPATH or .pth: unlike in site-packages, .pth files in it are not read, so that
        # the editable installation of this checkout stays out.
        packages = shared
        if only is not None:
            packages = folder / "packages"
            packages.mkdir()
            for path in shared.iterdir():
                if path.name.removesuffix(".py").partition("-")[0] in only:
                    (packages / path.name).symlink_to(path)
        command = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", str(wheel)]
        checked(command, folder)
        site = next((folder / "env").rglob("site-packages"))
        (site / "shared.pth").write_text(f"{packages}\n", encoding="utf-8")

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a program of this environment from its empty folder."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "WANDB"))}
        environment |= {"OMP_NUM_THREADS": "1", "HOME": str(self.folder)}
        work = self.folder / "work"
        work.mkdir(exist_ok=True)
        return subprocess.run(
            [str(self.bin / command[0]), *command[1:]],
            cwd=work, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip


def checked(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel with what is installed; nothing is fetched."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-build-isolation", "--no-deps"]
    checked([*command, "--wheel-dir", str(folder), str(ROOT)], folder)
    (built,) = folder.glob("dynalign-*.whl")
    return built


@pytest.fixture(scope="module")
def full(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Elsewhere:
    return Elsewhere(tmp_path_factory.mktemp("full"), wheel)


def test_it_is_the_wheel_that_is_used(full: Elsewhere) -> None:
    done = full.run("python", "-c", "from dynalign.cli import CONF; print(CONF)")
    assert done.returncode == 0, done.stderr
    assert (full.folder / "env").resolve() in Path(done.stdout.strip()).resolve().parents


def test_train_from_an_empty_folder(full: Elsewhere) -> None:
    done = full.run("dynalign", "train", *TINY, "metric=cka")
    assert done.returncode == 0, done.stdout + done.stderr
    (result,) = (full.folder / "work" / "multirun").rglob("result.json")
    assert json.loads(result.read_text())["status"] == "trained"
    assert sorted(path.name for path in (full.folder / "work").iterdir()) == ["multirun"]


def test_a_metric_of_ones_own(full: Elsewhere) -> None:
    work = full.folder / "work"
    (work / "mine" / "metric").mkdir(parents=True)
    (work / "mine" / "metric" / "mine.yaml").write_text("# @package metric.mine\n# Mine\n_target_: my_metrics.Mine\n")
    (work / "my_metrics.py").write_text(
        textwrap.dedent(
            '''
            from dataclasses import dataclass
            from dynalign.metrics import CKA


            @dataclass(frozen=True)
            class Mine(CKA):
                """CKA by another name."""

                name = "mine"
                title = "Mine"
            '''
        )
    )
    done = full.run("dynalign", "train", "--config-dir=mine", "metric=mine", *TINY, "hydra.run.dir=of_mine")
    assert done.returncode == 0, done.stdout + done.stderr
    (metric,) = json.loads((work / "of_mine" / "result.json").read_text())["metrics"].values()
    assert metric["label"] == "Mine"


def test_metrics_need_three_packages(wheel: Path, tmp_path: Path) -> None:
    needed = (
        "numpy scipy torch torchgen functorch typing_extensions sympy mpmath filelock fsspec jinja2 markupsafe networkx"
    )
    bare = Elsewhere(tmp_path, wheel, only=[*needed.split(), "numpy.libs", "scipy.libs"])
    program = """
        import numpy as np
        from dynalign.errors import DynalignError
        from dynalign.metrics import CKA, DSA, pairwise
        x, y = np.random.default_rng(0).standard_normal((2, 5, 40, 3))
        print(0 <= DSA(n_delays=3, rank=6, estimator="havok")(x, y) <= 1)
        try:
            pairwise(CKA(), [x, y], progress=True)
        except DynalignError as error:
            print(error)
    """
    done = bare.run("python", "-c", textwrap.dedent(program))
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == "True"
    assert "pip install rich" in done.stdout.splitlines()[1]
    train = bare.run("dynalign", "train")
    assert train.returncode == 1
    assert train.stderr.startswith("Error: dynalign train needs the package ")
    assert train.stderr.endswith("pip install 'dynalign[train]' brings it.\n")
    assert train.stderr.count("\n") == 1
