"""Loss curves as a picture."""

from __future__ import annotations

import json
from pathlib import Path


def draw_curves(files: dict[str, Path], picture: Path) -> None:
    """Draw training and held-out loss of each phase (name: its ``curve.json``) side by side as PNG."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, len(files), figsize=(5 * len(files), 3.6), squeeze=False, layout="constrained")
    for axis, (name, file) in zip(axes[0], files.items(), strict=True):
        curve = json.loads(file.read_text(encoding="utf-8"))
        for key, label, style in (("train", "training", "-"), ("heldout", "held out", "o-")):
            if curve[key]:
                axis.plot(*zip(*curve[key], strict=True), style, label=label, markersize=3, linewidth=1)
        axis.set(title=name, xlabel="optimiser steps", ylabel="loss, nats per answer token")
        axis.legend()
        axis.grid(alpha=0.3)
    figure.savefig(picture, dpi=120, format="png")
    pyplot.close(figure)
