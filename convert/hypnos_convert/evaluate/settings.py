"""The file that names judges: a JSON list of endpoints."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from ..endpoint import EndpointSettings
from ..errors import InputError
from ..inputs import parse_json, read_text


def read_judges(path: Path) -> list[EndpointSettings]:
    """Endpoints of a JSON list; each needs ``name``, ``base_url`` and ``model``.

    Raises:
        InputError: the file is missing or malformed, a field is wrong, or two endpoints have one name.
    """
    value = parse_json(read_text(path), path)
    if not isinstance(value, list) or not value:
        raise InputError(f"{path}: a list of at least one endpoint is needed")
    judges = []
    for number, entry in enumerate(value):
        try:
            judges.append(EndpointSettings.model_validate(entry))
        except ValidationError as error:
            first = error.errors()[0]
            raise InputError(f"{path}: {number}/{'/'.join(map(str, first['loc']))}: {first['msg']}") from error
    names = [judge.name for judge in judges]
    if len(set(names)) < len(names):
        raise InputError(f"{path}: every judge needs a name of its own")
    return judges
