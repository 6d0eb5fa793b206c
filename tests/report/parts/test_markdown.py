from __future__ import annotations

import html
import re

import pytest

from dynalign.report.parts.markdown import escaped, fenced, table

HOSTILE = ["a|b", "*a*", "_a_", "`a`", "~a~", "[a](b)", "<b>", "a & b", "back\\slash", "$x$", "two\n  lines"]


@pytest.mark.parametrize("text", HOSTILE)
def test_what_is_escaped_is_one_line_and_shows_the_same(text):
    found = escaped(text)
    assert "\n" not in found
    assert not re.search(r"(?<!\\)(?:\\\\)*[|*_`~\[]", found.replace("\\\\", ""))
    shown = re.sub(r"\\(.)", r"\1", html.unescape(re.sub(r"</?span>", "", found)))
    assert shown == re.sub(r"\s*\n\s*", " ", text)


def test_a_tag_is_no_tag():
    assert escaped("<script>") == "&lt;script&gt;"


def test_two_dollars_are_no_formula():
    assert escaped("$x$") == "<span>$</span>x<span>$</span>"


@pytest.mark.parametrize("command", ["python study.py", "a=```b```", "`", "````"])
def test_a_fence_is_longer_than_what_it_holds(command):
    first, *middle, last = fenced(command).splitlines()
    assert middle == [command]
    assert first == f"{last}sh"
    assert set(last) == {"`"}
    assert last not in command


def test_a_table_is_set_left_and_right():
    assert table(["a", "b"], [["1", "2"], [r"x\|y", "3"]]) == ("| a | b |\n| :-- | --: |\n| 1 | 2 |\n| x\\|y | 3 |")
    assert table(["a", "b"], [], left=2).splitlines()[1] == "| :-- | :-- |"
