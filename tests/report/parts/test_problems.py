from __future__ import annotations

from matplotlib.figure import Figure

from dynalign.errors import DynalignError
from dynalign.report import Problem
from dynalign.report.parts.problems import attempt, drawn


def raising(error):
    def work():
        raise error

    return work


def test_what_works_is_returned():
    assert attempt("The sum", lambda: 1 + 1) == 2


def test_what_fails_is_a_sentence():
    assert attempt("The sum", raising(KeyError("x"))) == Problem("The sum could not be shown: KeyError: 'x'.")
    assert attempt("The sum", raising(DynalignError("No luck."))) == Problem("The sum could not be shown: No luck.")


def test_a_figure_that_fails_only_when_it_is_laid_out_is_a_problem_as_well():
    def unclosed():
        figure = Figure()
        figure.text(0, 0, r"$\frac{$")
        return figure

    figures = drawn({"bad": unclosed, "good": Figure})
    assert isinstance(figures["good"], Figure)
    assert isinstance(figures["bad"], Problem)
    assert figures["bad"].text.startswith("The figure bad could not be shown: ")
