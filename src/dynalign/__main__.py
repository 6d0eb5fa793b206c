"""The command ``dynalign``, also as ``python -m dynalign``: passes what was typed to one of its commands."""

from __future__ import annotations

import importlib
import sys

from dynalign import __version__
from dynalign.errors import suggestion

_COMMANDS = {
    "train": "train networks and compare their dynamics",
    "testcase": "put metrics to test cases whose answers are known",
    "study": "compare groups of networks, and judge published claims",
    "compare": "compare recordings, in files of many formats",
    "pairs": "compare the networks of a sweep, or some of its pairs",
    "runs": "list, show, open and delete the networks in a store",
    "clean-store": "show what a store holds, ask, and delete it",
    "figures": "write every figure of a folder of results for papers, as SVG and PDF",
    "dashboard": "make a Weights & Biases workspace of what was logged",
}
_HELP = "\n".join(
    [
        "usage: dynalign COMMAND [overrides]",
        "",
        *(f"  dynalign {name:11} {does}" for name, does in _COMMANDS.items()),
        "",
        "dynalign COMMAND --help shows what can be set; dynalign --version, which version this is.",
    ]
)


def main() -> None:
    """Run the command that was typed; exit with 0 if it succeeded, 1 if it failed, 2 if there is no such command."""
    name, *overrides = sys.argv[1:] or ["--help"]
    if name in ("-h", "--help"):
        print(_HELP)  # noqa: T201
        return
    if name == "--version":
        print(f"dynalign {__version__}")  # noqa: T201
        return
    if name not in _COMMANDS:
        print(f"Error: there is no command {name}; {suggestion(name, _COMMANDS)}", file=sys.stderr)  # noqa: T201
        sys.exit(2)
    try:
        command = importlib.import_module(f"dynalign.cli.{name.replace('-', '_')}")
    except ModuleNotFoundError as error:
        package = (error.name or "dynalign").partition(".")[0]
        if package == "dynalign":
            raise
        sys.exit(f"Error: dynalign {name} needs the package {package}; pip install 'dynalign[train]' brings it.")
    sys.argv = [f"dynalign {name}", *overrides]
    command.main()


if __name__ == "__main__":
    main()
