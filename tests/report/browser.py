"""A real browser, if this machine has one: headless Chromium, spoken to over a pipe in its DevTools protocol."""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
# Chromium reads commands from its file descriptor 3 and answers at 4.
_START = (
    "import os, sys; r, w = int(sys.argv[1]), int(sys.argv[2]);"
    "os.dup2(r, 10); os.dup2(w, 11); os.dup2(10, 3); os.dup2(11, 4); os.execvp(sys.argv[3], sys.argv[3:])"
)


def executable() -> str | None:
    """Return the path of a Chromium, or None."""
    return next((path for path in map(shutil.which, NAMES) if path), None)


class Browser:
    """One page of a headless Chromium; everything that it asks of the network or complains of is kept."""

    def __init__(self, profile: Path) -> None:
        to_read, self._write = os.pipe()
        self._read, to_write = os.pipe()
        options = [
            "--headless=new", "--no-sandbox", "--remote-debugging-pipe", f"--user-data-dir={profile}", "--no-first-run",
            "--disable-extensions", "--disable-background-networking", "--disable-component-update", "--disable-sync",
            "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--hide-scrollbars", "--disable-dev-shm-usage",
        ]  # fmt: skip
        self.process = subprocess.Popen(
            [sys.executable, "-c", _START, str(to_read), str(to_write), str(executable()), *options],
            pass_fds=(to_read, to_write), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(to_read)
        os.close(to_write)
        self._buffer = b""
        self._count = 0
        self.session: str | None = None
        self.requests: list[str] = []
        self.errors: list[str] = []
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.ask(f"{domain}.enable")

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        os.close(self._write)
        os.close(self._read)
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command and return its answer; what is told in between is kept."""
        self._count += 1
        message: dict[str, Any] = {"id": self._count, "method": method, "params": parameters}
        if self.session and not method.startswith("Target."):
            message["sessionId"] = self.session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            told = self._next()
            if told.get("id") == self._count:
                assert "error" not in told, told["error"]
                return told["result"]
            self._keep(told)

    def evaluate(self, expression: str) -> Any:
        """Return what an expression is in the page, awaited."""
        found = self.ask("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def until(self, expression: str, seconds: float = 60) -> Any:
        """Return what an expression is as soon as it is true."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = self.evaluate(expression)
            if found:
                return found
            time.sleep(0.02)
        raise AssertionError(f"not true in {seconds} s: {expression}; errors: {self.errors}")

    def dress(self, width: int, scheme: str) -> None:
        """Give the window a width, and the page a colour scheme."""
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 600)
        self.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def open(self, path: Path) -> None:
        """Open a file, and wait until its script has started; what was told of another is forgotten."""
        self.requests.clear()
        self.errors.clear()
        self.ask("Page.navigate", url=path.resolve().as_uri())
        self.until("document.readyState === 'complete' && document.documentElement.dataset.ready === 'yes'")

    def hover(self, x: float, y: float) -> None:
        """Move the mouse to a place in the window."""
        for step in (4.0, 0.0):
            self.ask("Input.dispatchMouseEvent", type="mouseMoved", x=x + step, y=y + step)

    def picture(self, path: Path) -> None:
        """Save what the whole page looks like."""
        shot = self.ask("Page.captureScreenshot", captureBeyondViewport=True, format="png")
        path.write_bytes(base64.b64decode(shot["data"]))

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._read], [], [], 60)
            assert ready, "the browser does not answer"
            part = os.read(self._read, 1 << 20)
            assert part, "the browser has gone"
            self._buffer += part
        message, _, self._buffer = self._buffer.partition(b"\0")
        return json.loads(message)

    def _keep(self, told: dict[str, Any]) -> None:
        method, about = told.get("method", ""), told.get("params", {})
        if method == "Network.requestWillBeSent":
            self.requests.append(about["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            self.errors.append(json.dumps(about["exceptionDetails"])[:2000])
        elif method == "Runtime.consoleAPICalled" and about["type"] in ("error", "assert"):
            self.errors.append(str([each.get("value", each.get("description")) for each in about["args"]]))
        elif method == "Log.entryAdded" and about["entry"]["level"] == "error":
            self.errors.append(about["entry"]["text"])

    def look_through(self) -> int:
        """Scroll to every figure until it is drawn, and return how many there are."""
        self.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true; })")
        count = int(self.evaluate("document.querySelectorAll('.chart').length"))
        for place in range(count):
            chart = f"document.querySelectorAll('.chart')[{place}]"
            self.evaluate(f"{chart}.scrollIntoView({{block: 'center'}})")
            self.until(f"{chart}.dataset.drawn === 'yes'")
        return count

    def sticks_out(self) -> list[str]:
        """Return what is wider than the window, or than the figure that it is in."""
        found: list[str] = self.evaluate(
            "[document.documentElement.scrollWidth > window.innerWidth ? 'the page' : '',"
            " ...[...document.querySelectorAll('figure, .picture, .legend, .controls, .chart > .plot-container')].map("
            " each =>"
            " each.scrollWidth > each.clientWidth + 1 || each.getBoundingClientRect().right > window.innerWidth"
            " ? each.className + ' ' + each.textContent.slice(0, 60) : '')].filter(each => each)"
        )
        return found

    def goes_well(self, path: Path, *widths: int) -> int:
        """Assert that nothing goes wrong with a page in windows of some widths, light and dark; return its figures.

        It is opened once, and stays open, dark, in the last width.
        """
        ink = "getComputedStyle(document.querySelector('.chart .xtick text')).fill"
        size = "document.querySelector('.chart .main-svg').getAttribute('width')"
        for width in widths:
            before = None if width == widths[0] else self.evaluate(size)
            self.dress(width, "light")
            if before is None:
                self.open(path)
                count = self.look_through()
            else:
                self.until(f"{size} !== {before!r}")
            assert self.sticks_out() == []
            light = self.evaluate(ink)
            self.dress(width, "dark")
            self.until(f"{ink} !== {light!r}")
            assert self.sticks_out() == []
        assert self.fetched() == []
        assert self.errors == []
        return count

    def bring(self, label: str) -> str:
        """Scroll to the first figure that is described so, and return its expression."""
        found = f"[...document.querySelectorAll('.chart')].find(each => each.ariaLabel.includes({label!r}))"
        self.evaluate(f"{found}.scrollIntoView({{block: 'center'}})")
        self.until(f"{found}.dataset.drawn === 'yes'")
        return found

    def tooltip(self, part: str, across: float = 0.5, down: float = 0.5) -> str:
        """Return what is said where the mouse is over a part of a figure, so far across and down."""
        x, y, width, height = self.evaluate(
            f"(({{x, y, width, height}}) => [x, y, width, height])({part}.getBoundingClientRect())"
        )
        self.hover(x + across * width, y + down * height)
        said: str = self.until(
            f"[...{part}.closest('.chart').querySelectorAll('.hoverlayer text')].map(each => each.textContent).join('')"
        )
        return said

    def fetched(self) -> list[str]:
        """Return what was asked of anything but the file itself and what it carries."""
        return [url for url in self.requests if not url.startswith(("file:", "data:", "blob:"))]
