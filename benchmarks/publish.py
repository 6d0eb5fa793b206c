"""Write into README.md and docs/ what is known elsewhere: what metrics say of themselves, and a leaderboard.

python benchmarks/publish.py                          # the table of metrics and the facts on each one's page
python benchmarks/publish.py --leaderboard FOLDER     # also the leaderboard that testcase.py has left in a folder
python benchmarks/publish.py --claims FOLDER          # also the claims that study.py has left in a folder
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from omegaconf import OmegaConf

from dynalign.cli import CONF
from dynalign.identity import locate
from dynalign.metrics import Metric
from dynalign.store import write_text

ROOT = Path(__file__).parents[1]
DOCS, README = ROOT / "docs", ROOT / "README.md"


def configured() -> dict[type[Metric], list[str]]:
    """Return all metrics that have a config, with the names of their configs."""
    configs: dict[type[Metric], list[str]] = {}
    for path in sorted((CONF / "metric").glob("*.yaml")):
        target = OmegaConf.load(path).get("_target_")
        if target is not None:
            configs.setdefault(locate(target), []).append(path.stem)
    return configs


def page_of(kind: type[Metric]) -> Path:
    """Return the page of a metric."""
    return DOCS / "metrics" / f"{kind.name}.md"


def metrics_table() -> str:
    """Return a Markdown table of all metrics that have a config, with what they say of themselves."""
    configs = configured()
    head = ("metric", "`metric=`", "compares", "in short", "invariant to", "matched trials?", "triangle inequality?")
    rows = [head, (":--",) * len(head)]
    for kind, names in sorted(configs.items(), key=lambda item: (item[0].compares, item[0].__name__.lower())):
        metric = kind()
        rows.append(
            (
                f"[`{kind.__name__}`](metrics/{page_of(kind).name})",
                ", ".join(f"`{name}`" for name in names),
                metric.compares,
                metric.about,
                ", ".join(sorted(metric.invariances)),
                "yes" if metric.needs_matched_trials else "no",
                "yes" if metric.triangle else "no",
            )
        )
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows)


def facts(kind: type[Metric], configs: Sequence[str], leaderboard: str) -> str:
    """Return what stands at the head of a metric's page: what it says of itself, and what was measured of it."""
    metric = kind()
    lines = [
        metric.about,
        "",
        f"| in a sweep | {', '.join(f'`metric={name}`' for name in configs)} |",
        "| :-- | :-- |",
        f"| compares | {metric.compares} |",
        f"| needs | {'states and inputs' if metric.needs_inputs else 'states'}, "
        f"{'of matched trials' if metric.needs_matched_trials else 'of any trials'} |",
        f"| invariant to | {', '.join(sorted(metric.invariances))} |",
        f"| triangle inequality | {'yes' if metric.triangle else 'no'} |",
        f"| does not see | {metric.blind_spot} |",
    ]
    times = measured(kind, leaderboard)
    if times:
        lines.append(f"| time per pair, in [the test cases](../leaderboard.md) | {', '.join(times)} |")
    return "\n".join(lines)


def measured(kind: type[Metric], leaderboard: str) -> list[str]:
    """Return what a pair took, per row of a metric in the leaderboard's first table."""
    table = leaderboard[leaderboard.index("| metric |") :].partition("\n\n")[0]
    head, _, *rows = ([cell.strip() for cell in line.strip("| ").split(" | ")] for line in table.splitlines())
    found = []
    for row in rows:
        label = row[0].replace("\\", "")
        if label == kind.title or label.startswith(f"{kind.title}("):
            found.append(f"`{label}` {row[head.index('time per pair')]}")
    return found


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
    for mark, folder in (("leaderboard", typed.leaderboard), ("claims", typed.claims)):
        if folder is None:
            continue
        whole = folder / f"{mark}.md"
        if not whole.exists():
            raise SystemExit(f"Error: {folder} holds no {mark}.md.")
        write_text(DOCS / f"{mark}.md", whole.read_text(encoding="utf-8"))
        print(f"wrote docs/{mark}.md")
        publish(README, mark, (folder / "headline.md").read_text(encoding="utf-8").strip())
    publish(DOCS / "metrics.md", "metrics", metrics_table())
    leaderboard = (DOCS / "leaderboard.md").read_text(encoding="utf-8")
    for kind, names in configured().items():
        publish(page_of(kind), "facts", facts(kind, names, leaderboard))


if __name__ == "__main__":
    main()
