"""Ten thousand inputs that nobody planned for: a right number, or one clear sentence."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.metrics.batteries import apart, every, public

from dynalign.errors import DynalignError
from dynalign.metrics import ConditionWarning, Metric, PredictionWarning

METRICS: list[tuple[Metric, int]] = every("FUZZED")

KINDS = [
    "normal",
    "small integers",
    "booleans",
    "one direction",
    "two directions",
    "one constant unit",
    "one changing entry",
    "all the same",
    "a trial twice",
    "a period of two",
    "huge",
    "tiny",
    "far from 0",
    "units of very different size",
    "a geometric decay",
    "NaN",
    "infinite",
]
FORMS = [
    "as it is",
    "float32",
    "float16",
    "list",
    "Fortran order",
    "reversed view",
    "strided view",
    "tensor",
    "bfloat16",
]
WRONG = ["two axes", "four axes", "no trials", "no units", "ragged", "complex", "text", "objects", "none", "one number"]


def make(kind: str, shape: tuple[int, int, int], seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    trials, time, units = shape
    x = rng.normal(size=shape)
    steps = np.arange(time)[None, :, None]
    made: dict[str, Any] = {
        "small integers": lambda: rng.integers(-2, 3, size=shape),
        "booleans": lambda: rng.integers(0, 2, size=shape).astype(bool),
        "one direction": lambda: x[..., :1] * rng.normal(size=units),
        "two directions": lambda: rng.normal(size=(trials, time, 2)) @ rng.normal(size=(2, units)),
        "one constant unit": lambda: np.where(np.arange(units) == 0, 3.0, x),
        "one changing entry": lambda: (np.arange(x.size) == rng.integers(x.size)).reshape(shape).astype(float),
        "all the same": lambda: np.full(shape, rng.normal()),
        "a trial twice": lambda: np.repeat(x[:1], trials, axis=0),
        "a period of two": lambda: np.where(steps % 2 == 0, x[:, :1], -x[:, :1]),
        "huge": lambda: x * 1e300,
        "tiny": lambda: x * 1e-300,
        "far from 0": lambda: x + 1e9,
        "units of very different size": lambda: x * 10.0 ** -(4 * np.arange(units)),
        "a geometric decay": lambda: x[:, :1] * 0.3**steps,
        "NaN": lambda: np.where(x == x.flat[0], np.nan, x),
        "infinite": lambda: np.where(x == x.flat[-1], -np.inf, x),
    }
    return np.asarray(made.get(kind, lambda: x)())


def shaped(x: np.ndarray, form: str) -> Any:
    strided = np.zeros((*x.shape[:2], 2 * x.shape[2]), dtype=x.dtype)
    strided[..., ::2] = x
    with np.errstate(over="ignore"):
        return {
            "as it is": lambda: x,
            "float32": lambda: x.astype(np.float32),
            "float16": lambda: x.astype(np.float16),
            "list": lambda: x.tolist(),
            "Fortran order": lambda: np.asfortranarray(x),
            "reversed view": lambda: x[::-1, :, ::-1],
            "strided view": lambda: strided[..., ::2],
            "tensor": lambda: torch.from_numpy(np.ascontiguousarray(x)),
            "bfloat16": lambda: torch.from_numpy(np.ascontiguousarray(x, dtype=np.float64)).to(torch.bfloat16),
        }[form]()


def wrong(kind: str) -> Any:
    x = np.random.default_rng(0).normal(size=(3, 8, 2))
    return {
        "two axes": x[0],
        "four axes": x[None],
        "no trials": x[:0],
        "no units": x[..., :0],
        "ragged": [[[1.0, 2.0], [1.0]], [[1.0, 2.0]]],
        "complex": x * 1j,
        "text": x.astype(str),
        "objects": x.astype(object),
        "none": None,
        "one number": 3.0,
    }[kind]


def plain(x: Any) -> np.ndarray:
    """The same numbers as the plainest array that holds them."""
    array = x.to(torch.float64).numpy() if isinstance(x, torch.Tensor) else np.asarray(x)
    return np.ascontiguousarray(array.astype(np.float64))


def measure(metric: Metric, x: Any, y: Any) -> float | str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConditionWarning)
        warnings.simplefilter("ignore", PredictionWarning)
        try:
            return apart(metric, x, y)
        except DynalignError as error:
            return str(error)


def test_every_public_metric_is_put_to_it() -> None:
    assert {type(metric) for metric, _ in METRICS} == public()
    assert sum(examples for _, examples in METRICS) >= 10_000


@pytest.mark.slow
@pytest.mark.parametrize(("metric", "examples"), METRICS, ids=lambda value: repr(value))
def test_a_right_number_or_a_clear_sentence(metric: Metric, examples: int) -> None:
    @settings(
        derandomize=True, max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(
        trials=st.integers(1, 6),
        time=st.integers(1, 14),
        units=st.tuples(st.integers(1, 5), st.integers(1, 5)),
        kinds=st.tuples(st.sampled_from(KINDS), st.sampled_from(KINDS)),
        forms=st.tuples(st.sampled_from(FORMS), st.sampled_from(FORMS)),
        broken=st.sampled_from([None] * 6 * len(WRONG) + WRONG),
        seed=st.integers(0, 10**6),
    )
    def check(
        trials: int,
        time: int,
        units: tuple[int, int],
        kinds: tuple[str, str],
        forms: tuple[str, str],
        broken: str | None,
        seed: int,
    ) -> None:
        x, y = (
            shaped(make(kind, (trials, time, n), seed + k), form)
            for k, (kind, n, form) in enumerate(zip(kinds, units, forms, strict=True))
        )
        if broken is not None:
            y = wrong(broken)
        value = measure(metric, x, y)
        if isinstance(value, str):
            assert len(value) > 20
            assert value.endswith(".")
            assert "\n" not in value
            return
        assert broken is None
        assert np.isfinite(value)
        assert value >= 0
        back = measure(metric, y, x)
        assert not isinstance(back, str)
        assert back == pytest.approx(value, rel=1e-6, abs=1e-6)
        itself = measure(metric, x, x)
        assert not isinstance(itself, str)
        if getattr(metric, "distance", "") != "size-and-shape":
            assert itself < 1e-6
        exact = {"float16", "bfloat16", "float32"}.isdisjoint(forms)
        if exact:  # rounding of the data is part of what a metric knows, so only exact forms have a plain twin
            twin = measure(metric, plain(x), plain(y))
            assert not isinstance(twin, str)
            assert twin == pytest.approx(value, rel=1e-6, abs=1e-6)

    check()
