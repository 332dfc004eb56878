"""Settings for every test of the pipeline."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from tiny import tiny_checkpoint

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
# Tests run from a checkout, whether or not the package is installed.
sys.path.insert(0, str(Path(__file__).parents[1]))

# A loaded machine must not turn a slow example into a failure.
settings.register_profile("pipeline", deadline=None, max_examples=50)
settings.load_profile("pipeline")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Two workers: one drives Chromium from the beginning, for two browsers at once are too much for two cores; the
    other takes file after file, so that what a file makes once is made once."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file, _, test = nodeid.partition("::")
            return "chromium" if "parity/" in file or "in_a_real_browser" in test else file

    return ByFile(config, log)


@pytest.fixture(scope="session")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny checkpoint in several shards, to be read only."""
    return tiny_checkpoint(tmp_path_factory.mktemp("original") / "model", "qwen2", max_shard_size="1MB")


@pytest.fixture
def model(original: Path, tmp_path: Path) -> Path:
    """A copy of it to spoil."""
    return Path(shutil.copytree(original, tmp_path / "in" / "model"))
