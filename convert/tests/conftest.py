"""Settings for every test of the pipeline."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from hypothesis import settings

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
# Tests run from a checkout, whether or not the package is installed.
sys.path.insert(0, str(Path(__file__).parents[1]))

# A loaded machine must not turn a slow example into a failure.
settings.register_profile("pipeline", deadline=None, max_examples=50)
settings.load_profile("pipeline")
