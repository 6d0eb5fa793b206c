"""How long a sweep may still take."""

from __future__ import annotations

from dynalign.cli.time_left import TimeLeft

_JOBS = [["model=rnn", "seed=0"], ["model=rnn", "seed=1"], ["model=mamba", "seed=0"], ["model=mamba", "seed=1"]]


def test_nothing_is_said_before_a_job_has_ended_nor_after_the_last() -> None:
    left = TimeLeft(_JOBS)
    assert (left.seconds, str(left)) == (None, "")
    for number in range(4):
        left.ended(number, 10, found=False)
    assert (left.seconds, str(left)) == (0, "")


def test_a_job_takes_as_long_as_those_that_are_most_alike() -> None:
    left = TimeLeft(_JOBS)
    left.ended(0, 10, found=False)
    assert left.seconds == 30
    left.ended(2, 40, found=False)
    assert left.seconds == (10 + 40) / 1  # rnn seed=1 as rnn, mamba seed=1 as mamba
    assert str(left) == "about 50 s left"


def test_jobs_side_by_side_share_the_time_but_none_is_shorter_than_itself() -> None:
    left = TimeLeft([["a", f"seed={seed}"] for seed in range(9)])
    left.at_once = 4
    left.ended(0, 60, found=False)
    assert left.seconds == 120
    assert str(left) == "about 2 min 00 s left"
    for seed in range(1, 7):
        left.ended(seed, 60, found=False)
    assert left.seconds == 60


def test_what_was_found_says_little_of_what_is_to_be_trained() -> None:
    left = TimeLeft(_JOBS)
    left.ended(0, 1, found=True)
    assert left.seconds == 3
    left.ended(1, 20, found=False)
    assert left.seconds == 40
    left.ended(1, 22, found=False)  # told before it had ended, and again then
    assert left.seconds == 44


def test_what_failed_is_not_waited_for() -> None:
    left = TimeLeft(_JOBS)
    left.drop(0)
    assert left.seconds is None
    left.ended(1, 20, found=False)
    assert left.seconds == 40
