"""What one command writes and another reads back, by hand or by mistake changed in between.

Each document has a JSON Schema of all that its readers rely on; ``read_document`` names the first field that is not so.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from ..errors import InputError
from ..inputs import one_line, read_json_object
from .human.forms import ASPECTS
from .items import KINDS

Schema = Mapping[str, Any]


def _object(**properties: Schema) -> Schema:
    """All of these; others are allowed."""
    return {"type": "object", "properties": properties, "required": list(properties)}


def _map(values: Schema, names: Schema | None = None) -> Schema:
    return {"type": "object", "additionalProperties": values, "propertyNames": names or {}}


def _list(entries: Schema, **bounds: int) -> Schema:
    return {"type": "array", "items": entries, **bounds}


TEXT: Schema = {"type": "string"}
NUMBER: Schema = {"type": "number"}
COUNT: Schema = {"type": "integer", "minimum": 0}
TRUTH: Schema = {"type": "boolean"}
NUMBER_OR_NOTHING: Schema = {"type": ["number", "null"]}
KIND: Schema = {"enum": list(KINDS)}
TARGETS = _list(TEXT, minItems=1, maxItems=2)

_INTERVAL: Schema = {
    "anyOf": [
        _object(low=NUMBER, high=NUMBER),
        _object(low={"type": "null"}, high={"type": "null"}),
    ]
}
_BY_GROUP = _map(_map({**_object(value=NUMBER), **_INTERVAL}), KIND)
_WINS = _object(a=COUNT, b=COUNT, tie=COUNT, rate_a=NUMBER_OR_NOTHING, low=NUMBER, high=NUMBER, p=NUMBER)

RESULT = _object(
    benchmark=_object(name=TEXT, version=TEXT, sha256=TEXT, reviewed=TRUTH, left_out=COUNT),
    target=_object(name=TEXT, kind=TEXT, identity={}),
    parameters=_object(
        prompts=TEXT,
        decoding=TEXT,
        max_tokens=_object(**{kind: COUNT for kind in KINDS}),
        bootstrap=_object(resamples=COUNT, seed=COUNT),
    ),
    items=_map(COUNT, KIND),
    scores=_list(
        {**_object(kind=KIND, key=TEXT, name=_object(zh=TEXT, en=TEXT), value=NUMBER, signature=TEXT), **_INTERVAL}
    ),
    by=_object(category=_BY_GROUP, difficulty=_BY_GROUP),
    warnings=_list(_object(zh=TEXT, en=TEXT)),
)
"""result.json of ``evaluate``."""

JUDGEMENT = _object(
    summary=_object(
        prompts=TEXT,
        targets=TARGETS,
        problems=_list(TEXT),
        judges=_list(
            {
                **_object(judge=TEXT, model=TEXT, pairs=COUNT, marks=_map(_map(NUMBER, {"enum": list(ASPECTS)}))),
                "if": {"properties": {"pairs": {"minimum": 1}}},
                "then": _object(
                    wins=_WINS,
                    position=_object(
                        first_rate=NUMBER_OR_NOTHING, low=NUMBER, high=NUMBER, inconsistent=NUMBER, biased=TRUTH
                    ),
                    self_preference=_list(TEXT),
                ),
            }
        ),
    ),
    usage=_map(_object(requests=COUNT, prompt_tokens=COUNT, completion_tokens=COUNT, cost=NUMBER, seconds=NUMBER)),
)
"""What ``judge`` writes, without the single verdicts."""

MAJORITY = _object(majority=_map({"enum": ["a", "b", "tie"]}))
"""Of what ``human import`` writes, all that a judge is held against."""

HUMAN: Schema = {
    **_object(
        targets=TARGETS,
        wins={"anyOf": [{"type": "null"}, _WINS]},
        alpha=_map(NUMBER_OR_NOTHING),
        bias=_list(_object(rater=TEXT, ratings=COUNT, leniency=NUMBER_OR_NOTHING, position_biased=TRUTH)),
        disagreements=_list({}),
    ),
    "allOf": [MAJORITY],
}
"""What ``human import`` writes."""

KEY = _object(
    study=TEXT,
    targets=TARGETS,
    entries=_map(_object(rater=TEXT, item=TEXT, sides=TARGETS)),
)
"""key.json of ``human export``."""


def read_document(path: Path, form: str, schema: Schema, origin: str) -> dict[str, Any]:
    """A document that this program has written.

    Args:
        form: what its entry ``format`` must be.
        origin: what to say of a file that is of another format.

    Raises:
        InputError: the file cannot be read, or a field is not what readers rely on; file and field are named.
    """
    content = read_json_object(path)
    if content.get("format") != form:
        raise InputError(f"{path}: {origin}")
    error = best_match(Draft202012Validator(schema).iter_errors(content))
    if error is not None:
        place = "/".join(map(str, error.absolute_path)) or "the document"
        raise InputError(f"{path}: {place}: {one_line(error.message, 200)}")
    return content
