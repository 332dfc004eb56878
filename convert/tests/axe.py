"""axe over pages that convert writes."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

SCRIPT = Path(__file__).parent / "axe_page.mjs"


def offences(page: Path) -> list[str]:
    """What axe finds in a real browser, and any sideways scroll: in each language, light and dark, wide and narrow."""
    node = shutil.which("node")
    assert node, "pages are tested in a browser driven by Node.js"
    done = subprocess.run([node, SCRIPT, page], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)
