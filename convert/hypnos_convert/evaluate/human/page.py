"""A form as one offline HTML page, which saves every rating as it is made."""

from __future__ import annotations

import json
from dataclasses import asdict
from importlib import resources

from .forms import ASPECTS, Form


def to_html(form: Form) -> bytes:
    """The page: nothing is loaded from anywhere; ratings leave it only as the file that the rater saves."""
    template = resources.files(__package__).joinpath("form.html").read_text("utf-8")
    data = {
        "rater": form.rater,
        "study": form.study,
        "aspects": ASPECTS,
        "entries": [asdict(entry) for entry in form.entries],
    }
    # Inside a script element only "<" can end it.
    return template.replace("__DATA__", json.dumps(data, ensure_ascii=False).replace("<", "\\u003c")).encode()
