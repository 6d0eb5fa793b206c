from __future__ import annotations

import re
from dataclasses import replace

from dynalign.report import claims_markdown, claims_table
from dynalign.report.parts.markdown import escaped
from dynalign.report.study.results import learned

META = {"command": "python study.py a=`b`", "date": "2030-01-02 03:04 UTC", "torch": "2.13|0"}
CELLS = re.compile(r"(?<!\\)\|")


def whole(*studies, seconds=61.0):
    return claims_markdown(studies, meta=META, seconds=seconds)


def tables(text):
    """The tables of a document, each a list of rows of cells."""
    found, last = [], None
    for line in text.splitlines():
        if line.startswith("| "):
            if last is None:
                last = []
                found.append(last)
            last.append([cell.strip() for cell in CELLS.split(line)[1:-1]])
        else:
            last = None
    return found


def test_the_main_table_has_a_row_per_claim(usual):
    (rows,) = tables(claims_table([usual, replace(usual, title="published")]))
    assert rows[0] == ["", "claim", "in [the study](https://arxiv.org/abs/2410.24070)", "corrected", "published"]
    assert [row[0] for row in rows[2:]] == ["4", "5", "6", "7"]
    assert all(row[3] == row[4] == f"**{usual.verdict(int(row[0]))['outcome']}**" for row in rows[2:])


def test_the_document_has_every_part_and_network(usual):
    text = whole(usual)
    for each in usual.verdicts:
        for part in each["parts"]:
            assert escaped(part["name"]) in text
    count, total = learned(usual)
    assert f"{count} of {total} trained networks reach 95 % of the ideal" in text
    assert "61.0 s of this run · date 2030-01-02 03:04 UTC" in text
    assert text.count("\n## ") == 4 + 2  # claims, networks, how it was made
    assert "a=`b`" in text  # the command, as it was typed
    networks = next(rows for rows in tables(text) if rows[0][0] == "model" and "epochs (median)" in rows[0])
    by_group = {(row[0], row[1]): row for row in networks[2:]}
    assert by_group["RNN", "full"][2:6] == ["6", "5/6", "0.900", "0.600"]
    assert by_group["RNN", "untrained"][3] == "–"
    assert by_group["RNN", "master, pool"][2] == "3"


def test_fixed_points_have_a_table_of_their_own(usual):
    points = next(rows for rows in tables(whole(usual)) if "two or more" in rows[0])
    assert points[2] == ["RNN", "full", "3", "1", "1", "1", "250 ms"]
    assert "two or more" not in whole(replace(usual, points=usual.points[:0]))


def test_every_row_of_a_table_has_as_many_cells_whatever_the_names(usual, hostile):
    for text in (whole(usual), whole(hostile), whole(hostile, usual), claims_table([hostile])):
        for rows in tables(text):
            assert {len(row) for row in rows} == {len(rows[0])}


def test_names_are_no_markup(hostile):
    text = whole(hostile)
    for tag in ("<script", "<img", "<u>", "<i>"):
        assert tag not in text
    assert r"&lt;u&gt;\|\*p\*" in text
    assert r"&lt;script&gt;alert(1)&lt;/script&gt;\|\[x]" in text


def test_what_is_missing_is_a_dash(bare, usual):
    for text in (whole(bare), whole(usual), whole(bare, seconds=float("nan"))):
        assert "nan" not in re.sub(r"[a-z]*nan[a-z]+", "", text.lower())
        assert "None" not in text
    networks = next(rows for rows in tables(whole(bare)) if "epochs (median)" in rows[0])
    assert networks[-1][-4:] == ["0/2", "–", "–", "–"]
    assert "**undecided**" in whole(bare)
