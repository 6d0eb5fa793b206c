"""Documents say what the code says, and the site is built of them."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from urllib.parse import unquote

import pytest
from tests.command import ROOT

ELSEWHERE = re.compile(r"""<(?:script|link|img|iframe|source)\b[^>]*?\b(?:src|href)=["']?(?:https?:)?//[^"'> ]+""")


@pytest.fixture(scope="module")
def publish() -> ModuleType:
    spec = importlib.util.spec_from_file_location("publish", ROOT / "benchmarks" / "publish.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_table_of_metrics_is_that_of_the_metrics(publish: ModuleType) -> None:
    """A new metric appears in it with ``python benchmarks/publish.py``."""
    text = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    assert publish.replaced(text, "metrics", publish.metrics_table()) == text


def test_each_metric_has_a_page_that_says_what_it_says_of_itself(publish: ModuleType) -> None:
    """It is begun by hand, with an equation, and its head is written by ``python benchmarks/publish.py``."""
    leaderboard = (ROOT / "docs" / "leaderboard.md").read_text(encoding="utf-8")
    for kind, names in publish.configured().items():
        text = publish.page_of(kind).read_text(encoding="utf-8")
        assert publish.replaced(text, "facts", publish.facts(kind, names, leaderboard)) == text
        for needed in ("## The equation", "$$", "## What it does not see", "## References"):
            assert needed in text, f"{kind.__name__} lacks {needed}"


def test_the_readme_leads_nowhere_in_vain() -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]*)(?:#[^)]*)?\)", (ROOT / "README.md").read_text(encoding="utf-8")):
        assert not target or (ROOT / target).exists(), target


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.mark.slow
def test_the_site_is_built_strictly_and_asks_no_other_host_for_anything(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 25
    for page in pages:
        assert not ELSEWHERE.findall(page.read_text(encoding="utf-8")), page
    for sheet in site.rglob("*.css"):
        assert not re.search(r"url\(['\"]?(?:https?:)?//|@import", sheet.read_text(encoding="utf-8")), sheet


@pytest.mark.slow
def test_every_link_of_the_site_leads_somewhere(site: Path) -> None:
    for page in site.rglob("*.html"):
        if page.name == "404.html":  # its links begin at the root of a server
            continue
        text = page.read_text(encoding="utf-8")
        for target, anchor in re.findall(r"""href="?(?!https?:|mailto:|data:)([^"#> ]*)(?:#([^"> ]*))?""", text):
            other = (page.parent / unquote(target)).resolve() if target else page
            assert other.exists(), f"{page.relative_to(site)} -> {target}"
            if anchor and other.suffix == ".html" and anchor != "__comments":
                assert f'id="{unquote(anchor)}"' in other.read_text(encoding="utf-8"), f"{page} -> {target}#{anchor}"


@pytest.mark.slow
def test_the_notebooks_were_run(site: Path) -> None:
    for name, said in {"lightning": "floor", "recordings": "times the floor", "study": "within groups"}.items():
        text = (site / "notebooks" / f"{name}.html").read_text(encoding="utf-8")
        assert said in text
        assert f"{name}-1.png" in text
    assert "<math" in (site / "metrics" / "dsa.html").read_text(encoding="utf-8")
