"""Write into README.md and docs/ what is known elsewhere: the table of metrics, and a leaderboard.

python benchmarks/publish.py                          # the table of metrics, from the metrics themselves
python benchmarks/publish.py --leaderboard FOLDER     # also the leaderboard that testcase.py has left in a folder
python benchmarks/publish.py --claims FOLDER          # also the claims that study.py has left in a folder
"""

from __future__ import annotations

import argparse
from pathlib import Path

from omegaconf import OmegaConf

from dynalign.cli import CONF
from dynalign.identity import locate
from dynalign.metrics import Metric
from dynalign.store import write_text

ROOT = Path(__file__).parents[1]
DOCS, README = ROOT / "docs", ROOT / "README.md"


def metrics_table() -> str:
    """Return a Markdown table of all metrics that have a config, with what they say of themselves."""
    configs: dict[type[Metric], list[str]] = {}
    for path in sorted((CONF / "metric").glob("*.yaml")):
        target = OmegaConf.load(path).get("_target_")
        if target is not None:
            configs.setdefault(locate(target), []).append(path.stem)
    head = ("metric", "`metric=`", "compares", "in short", "invariant to", "matched trials?", "triangle inequality?")
    rows = [head, (":--",) * len(head)]
    for kind, names in sorted(configs.items(), key=lambda item: (item[0].compares, item[0].__name__.lower())):
        metric = kind()
        rows.append(
            (
                f"`{kind.__name__}`",
                ", ".join(f"`{name}`" for name in names),
                metric.compares,
                metric.about,
                ", ".join(sorted(metric.invariances)),
                "yes" if metric.needs_matched_trials else "no",
                "yes" if metric.triangle else "no",
            )
        )
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows)


def replaced(text: str, mark: str, table: str) -> str:
    """Return a document with a table between its marks ``<!-- mark:begin -->`` and ``<!-- mark:end -->``."""
    begin, end = f"<!-- {mark}:begin -->", f"<!-- {mark}:end -->"
    before, _, rest = text.partition(begin)
    _, found, after = rest.partition(end)
    if not found:
        raise SystemExit(f"Error: The document has no marks {begin} and {end}.")
    return f"{before}{begin}\n\n{table}\n\n{end}{after}"


def publish(path: Path, mark: str, table: str) -> None:
    """Put a table into a document."""
    text = replaced(path.read_text(encoding="utf-8"), mark, table)
    write_text(path, text)
    print(f"wrote {path.relative_to(ROOT)}")


def main() -> None:
    """Do what was typed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--leaderboard", type=Path, metavar="FOLDER", help="results of testcase.py")
    parser.add_argument("--claims", type=Path, metavar="FOLDER", help="results of study.py")
    typed = parser.parse_args()
    publish(DOCS / "metrics.md", "metrics", metrics_table())
    for mark, folder in (("leaderboard", typed.leaderboard), ("claims", typed.claims)):
        if folder is None:
            continue
        whole = folder / f"{mark}.md"
        if not whole.exists():
            raise SystemExit(f"Error: {folder} holds no {mark}.md.")
        write_text(DOCS / f"{mark}.md", whole.read_text(encoding="utf-8"))
        print(f"wrote docs/{mark}.md")
        publish(README, mark, (folder / "headline.md").read_text(encoding="utf-8").strip())


if __name__ == "__main__":
    main()
