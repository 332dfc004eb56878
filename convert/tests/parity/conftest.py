from __future__ import annotations

from collections.abc import Iterator

import pytest

from parity.browser import Browser
from parity.packages import Loaded, Packages


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with Browser() as browser:
        yield browser


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Packages:
    return Packages(tmp_path_factory.mktemp("packages"))


@pytest.fixture(scope="session")
def loaded(browser: Browser, packages: Packages) -> Loaded:
    return Loaded(browser, packages)
