"""Names and keys: exact, and of the content alone."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynalign import identity
from dynalign.errors import DynalignError
from dynalign.identity import (
    code_key,
    describe,
    key_of,
    locate_stored,
    name_of,
    rebuild,
    spelt,
    target_of,
    trust,
    varying,
)
from dynalign.metrics import CKA, DSA, Metric
from dynalign.tasks import Task
from dynalign.testcases import Families, Invariances

LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3))
FACTORS = st.dictionaries(
    st.sampled_from(["model", "noise", "seed", "task.cohs", "a b", "a", "b=c"]) | st.text(), VALUES
)


def test_key_depends_on_content_alone() -> None:
    assert key_of({"a": 1, "b": [1.5, None]}) == key_of({"b": [1.5, None], "a": 1})
    assert key_of({"a": 1}) != key_of({"a": 2})
    with pytest.raises(DynalignError, match="has no key"):
        key_of({"a": object()})


def exact(value: Any) -> Any:
    """A value that equals another only if both are of one kind, at any depth."""
    if isinstance(value, dict):
        return ("dict", sorted((key, exact(each)) for key, each in value.items()))
    if isinstance(value, list):
        return ("list", [exact(each) for each in value])
    return (type(value).__name__, repr(value))


@given(VALUES, VALUES)
def test_what_differs_is_spelt_differently(one: Any, other: Any) -> None:
    assert (spelt(one) == spelt(other)) == (exact(one) == exact(other))


@given(FACTORS, FACTORS)
def test_two_runs_with_one_name_are_impossible(one: dict, other: dict) -> None:
    names = [name_of(dict(sorted(each.items())), set(each)) for each in (one, other)]
    assert (names[0] == names[1]) == (exact(one) == exact(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"noise": 0.1234561}, {"noise": 0.1234564}),
        ({"task.cohs": [1, 23]}, {"task.cohs": [12, 3]}),
        ({"x": 1}, {"x": 1.0}),
        ({"x": True}, {"x": "true"}),
        ({"x": None}, {"x": "null"}),
        ({"x": "a", "y": "b"}, {"x": "a y=b"}),
    ],
)
def test_names_are_exact(one: dict, other: dict) -> None:
    assert name_of(one, one) != name_of(other, other)


def test_names_are_for_people() -> None:
    factors = {"model": "rnn", "noise": 0.1, "seed": 0, "model.hidden": 8}
    assert name_of(factors, ["noise", "model.hidden"]) == "rnn noise=0.1 model.hidden=8"
    assert name_of(factors, []) == "rnn"
    assert name_of({"seed": 1}, []) == "defaults"


def test_what_varies() -> None:
    runs = [{"model": "rnn", "seed": 0, "hidden": 8}, {"model": "mamba", "seed": 0}, {"model": "rnn", "seed": 0.0}]
    assert varying(runs) == ["model", "seed", "hidden"]
    assert varying(runs[:1]) == []


def test_objects_are_rebuilt_from_data() -> None:
    metric = DSA(rank=0.99, n_delays=3)
    about = describe(metric, metric.settings)
    assert about["target"] == "dynalign.metrics.dsa.DSA" == target_of(DSA)
    assert rebuild(about, Metric) == metric


STRANGE = [
    "os.system",
    "builtins.eval",
    "builtins.dict",
    "pathlib.Path",
    "subprocess.Popen",
    "dynalign.cli.train.main",
    "dynalign.tasks.GoNogo",  # of this package, and no metric
    "dynalign.no_such.Thing",
    "dynalign/../x.Thing",
    "dynalign.metrics.base.Metric.name",
    "Thing",
    "",
]


@pytest.mark.parametrize("target", STRANGE)
def test_what_is_stored_names_only_what_is_wanted(target: str) -> None:
    with pytest.raises(DynalignError, match=r"names .*, which is no Metric that is known here"):
        rebuild({"target": target, "settings": {}}, Metric)


@pytest.fixture
def module_of_a_stranger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A module on the search path, which leaves a file behind when it is imported."""
    ran = tmp_path / "ran"
    (tmp_path / "a_stranger.py").write_text(
        "from pathlib import Path\nfrom dynalign.metrics import CKA\n"
        f"Path({str(ran)!r}).touch()\n\n\nclass Theirs(CKA):\n    pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(identity, "_trusted", {})
    yield ran
    sys.modules.pop("a_stranger", None)


def test_what_is_stored_imports_nothing(module_of_a_stranger: Path) -> None:
    with pytest.raises(DynalignError, match=r"names a_stranger.Theirs, which is no Metric .* choose it in a config"):
        locate_stored("a_stranger.Theirs", Metric)
    assert "a_stranger" not in sys.modules
    assert not module_of_a_stranger.exists()


def test_what_the_user_has_named_is_imported(module_of_a_stranger: Path) -> None:
    trust("a_stranger.Theirs")
    assert locate_stored("a_stranger.Theirs", Metric).__name__ == "Theirs"
    with pytest.raises(DynalignError, match="no Task"):
        locate_stored("a_stranger.Theirs", Task)


def metric_of(path: Path, constant: int, monkeypatch: pytest.MonkeyPatch) -> Metric:
    """A metric whose class lives in a file."""
    path.write_text(
        "from tests.testcases.test_measure import Plain\n\n\n"
        f"class Mine(Plain):\n    def distance(self, a, b):\n        return {constant}\n"
    )
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, path.stem, module)
    spec.loader.exec_module(module)
    return module.Mine()


def test_code_key_is_of_the_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = code_key(CKA(), Families())
    assert own == code_key(CKA(debiased=True), Families())
    assert own != code_key(CKA(), Invariances())
    assert own != code_key(CKA(), Families(), rooms=["attractors"])
    keys = [code_key(metric_of(tmp_path / "mine.py", k, monkeypatch), Families()) for k in (1, 1, 2)]
    assert keys[0] == keys[1]
    assert len({own, *keys}) == 3


def test_code_key_sees_every_metric_of_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    before = code_key(CKA())
    monkeypatch.setattr(identity, "_room", lambda room: b"corrected")
    assert code_key(CKA()) != before
