"""Seed tasks and generated records as they lie on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from ..errors import InputError
from ..journal import read_lines
from ..taxonomy import CATEGORIES, FORMS

PROVENANCE = "llm-written, not clinically reviewed"


class Task(BaseModel):
    """An instruction with the case details it needs, if any, and its answer."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(pattern=r"^[a-z]+-[a-z0-9_-]+$")
    category: str
    form: str
    instruction: str = Field(min_length=1)
    input: str = ""
    output: str = Field(min_length=1)
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

    @property
    def question(self) -> str:
        return f"{self.instruction}\n{self.input}" if self.input else self.instruction


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


def read_tasks(path: Path, kind: type[Task] = Task) -> list[Any]:
    """Read a JSONL file of tasks.

    Raises:
        InputError: unreadable, empty, a wrong line or a repeated id; the message gives file, line and field.
    """
    tasks: list[Task] = []
    seen: set[str] = set()
    for number, line in enumerate(read_lines(path), start=1):
        try:
            task = kind.model_validate(line)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"]))
            raise InputError(f"{path}: record {number}: {place}: {first['msg']}") from error
        if task.id in seen:
            raise InputError(f"{path}: record {number}: id {task.id} occurs twice")
        seen.add(task.id)
        tasks.append(task)
    if not tasks:
        raise InputError(f"{path}: no records in it")
    return tasks
