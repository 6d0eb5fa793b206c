from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.report.browser import Browser, executable


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    if executable() is None:
        pytest.skip("there is no Chromium on this machine, so no page can be opened in one")
    with Browser(tmp_path_factory.mktemp("profile")) as found:
        yield found
