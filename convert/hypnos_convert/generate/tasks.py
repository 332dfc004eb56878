"""Seed tasks and generated records as they lie on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from ..errors import InputError
from ..journal import read_lines, record_files
from ..taxonomy import CATEGORIES, FORMS

PROVENANCE = "llm-written, not clinically reviewed"


class Record(BaseModel):
    """An instruction with the case details it needs, if any, and its answer."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(min_length=1)
    instruction: str = Field(min_length=1, pattern=r"\S")
    input: str = ""
    output: str = Field(min_length=1, pattern=r"\S")

    @property
    def question(self) -> str:
        return f"{self.instruction}\n{self.input}" if self.input else self.instruction


class Task(Record):
    """A record of this project: with its place in the taxonomy and where it comes from."""

    id: str = Field(pattern=r"^[a-z]+-[a-z0-9_-]+$")
    category: str
    form: str
    provenance: str

    @field_validator("category")
    @classmethod
    def _known_category(cls, value: str) -> str:
        if value not in CATEGORIES:
            raise ValueError(f"unknown category {value!r}")
        return value

    @field_validator("form")
    @classmethod
    def _known_form(cls, value: str) -> str:
        if value not in FORMS:
            raise ValueError(f"unknown form {value!r}")
        return value


class Authorship(BaseModel):
    """Who wrote a part of a record: endpoint, model, parameters, and the ledger key of the reply."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    endpoint: str
    model: str
    parameters: dict[str, Any]
    key: str


class GeneratedTask(Task):
    """A task that LLMs wrote."""

    kind: Literal["self-instruct"] = "self-instruct"
    prompt_version: str
    round: int = Field(ge=1)
    examples: list[str]
    instruction_by: Authorship
    input_by: Authorship
    output_by: Authorship

    @property
    def writer(self) -> str:
        """Endpoint that wrote the answer, for reports."""
        return self.output_by.endpoint

    @property
    def models(self) -> frozenset[str]:
        """Models that wrote any part of it."""
        return frozenset((self.instruction_by.model, self.input_by.model, self.output_by.model))


class GivenTask(Record):
    """A record made elsewhere; its other fields are kept as they are."""

    model_config = ConfigDict(extra="allow", frozen=True)

    writer: str = Field(min_length=1)

    @property
    def models(self) -> frozenset[str]:
        """The models that wrote it: those of generated records stand in their ``..._by`` fields."""
        fields = self.model_extra or {}
        authors = [fields.get(f"{part}_by") for part in ("instruction", "input", "output")]
        return frozenset((self.writer, *(str(by["model"]) for by in authors if isinstance(by, dict) and "model" in by)))


RatedTask = GeneratedTask | GivenTask
"""What the filter takes."""


def read_tasks(path: Path, kind: type[Record] = Task, **defaults: str) -> list[Any]:
    """Read a JSONL file of tasks, or all below a folder.

    Args:
        defaults: fields of lines that lack them.

    Raises:
        InputError: unreadable, empty, a wrong line or a repeated id; the message gives file, line and field.
    """
    tasks: list[Record] = []
    seen: set[str] = set()
    for file in record_files(path):
        for number, line in enumerate(read_lines(file), start=1):
            try:
                task = kind.model_validate({**defaults, **line})
            except ValidationError as error:
                first = error.errors()[0]
                place = ".".join(map(str, first["loc"]))
                raise InputError(f"{file}: record {number}: {place}: {first['msg']}") from error
            if task.id in seen:
                raise InputError(f"{file}: record {number}: id {task.id!r} occurs twice")
            seen.add(task.id)
            tasks.append(task)
    if not tasks:
        raise InputError(f"{path}: no records in it")
    return tasks
