"""What mkdocs does besides: equations, notebooks that are run, and a search that asks no other host for a script."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from mkdocs.utils import get_relative_url

sys.path.insert(0, str(Path(__file__).parent))

from equations import Equations
from notebook import run_notebook, types

_SHIM = '<script src="https://unpkg.com/iframe-worker/shim"></script>'


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Read equations on every page, those of docstrings included."""
    config.markdown_extensions.append(Equations())  # type: ignore[arg-type]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Run the notebooks; each becomes a page, its pictures, and a file for Jupyter."""
    named = [file.src_uri for file in files if file.src_uri.startswith("notebooks/") and file.src_uri.endswith(".py")]
    paths = [Path(config.docs_dir) / name for name in named]
    for path in sorted(paths, key=types, reverse=True):
        page = run_notebook(path)
        made: dict[str, Any] = {f"{path.stem}.md": page.markdown, f"{path.stem}.ipynb": page.jupyter, **page.pictures}
        for name, content in made.items():
            files.append(File.generated(config, f"notebooks/{name}", content=content))
    return files


def on_post_page(output: str, page: Page, **_: Any) -> str:
    """Let search in a folder use a script of ours, where the theme takes one from another host."""
    return output.replace(_SHIM, f'<script src="{get_relative_url("worker.js", page.url)}"></script>')


def on_post_template(output_content: str, **_: Any) -> str:
    """Leave that script out of the page for what is not found, which only a server shows."""
    return output_content.replace(_SHIM, "")


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Lead to the page of a notebook, where a text that is also read in the repository leads to its file."""
    for name in ("lightning", "recordings", "study"):
        markdown = markdown.replace(f"notebooks/{name}.py)", f"notebooks/{name}.md)")
    return markdown
