"""The log of a job: what it printed, what was warned of, and how training went on, each line with its time."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path

from dynalign.redaction import redacted

LOG = "job.log"
_log = logging.getLogger("dynalign.job")
_log.setLevel(logging.INFO)
_log.propagate = False  # it is for the file; what people are to see is printed


def note(text: str) -> None:
    """Write a line into the log of the job that is running, if one is."""
    if _log.handlers and text.strip():
        _log.info("%s", text.strip("\n"))


@contextlib.contextmanager
def logged(folder: Path) -> Iterator[None]:
    """Let what is noted inside, and what other packages log as a warning or worse, go to the end of ``job.log`` there.

    Where the file cannot be written, nothing is kept, and nothing else changes.
    """
    try:
        file = _File(folder / LOG, encoding="utf-8")
    except OSError:
        yield
        return
    root = logging.getLogger()
    others: logging.Handler = logging.NullHandler()
    if not root.handlers and logging.lastResort is not None:
        others = logging.lastResort  # which prints what nobody else takes, and would take the file for somebody
    attached = ((_log, file), (root, others), (root, file))
    for logger, handler in attached:
        logger.addHandler(handler)
    try:
        yield
    finally:
        for logger, handler in attached:
            logger.removeHandler(handler)
        file.close()


class _File(logging.FileHandler):
    """A log file that never says anything of itself: on a full disk it ends, and the job goes on."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.name == _log.name or record.levelno >= logging.WARNING

    def format(self, record: logging.LogRecord) -> str:
        when = f"{logging.Formatter().formatTime(record, '%Y-%m-%d %H:%M:%S')}  "
        text = redacted(super().format(record))
        return when + text.replace("\n", "\n" + " " * len(when))

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        pass
