"""Training records as they lie on disk: validated JSONL, one file per category."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    id: str
    category: str
    provenance: str


class InstructionRecord(_Strict):
    """One question with its answer; `form` names the kind of answer (short, crisis, table, ...)."""

    form: str
    instruction: str
    output: str


class Passage(_Strict):
    """A piece of reference text for the language-model pass."""

    title: str
    text: str


@dataclass(frozen=True)
class TrainingData:
    anaesthesia: list[InstructionRecord]
    general: list[InstructionRecord]
    passages: list[Passage]

    @property
    def instructions(self) -> list[InstructionRecord]:
        return self.general + self.anaesthesia


Record = TypeVar("Record", bound=_Strict)


class RecordError(ValueError):
    """A line that is no record: says file, line and field."""


def _read(folder: Path, record_type: type[Record]) -> list[Record]:
    records: list[Record] = []
    seen: dict[str, str] = {}
    for file in sorted(folder.glob("*.jsonl")):
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
            where = f"{file.name}:{number}"
            try:
                record = record_type.model_validate(json.loads(line))
            except json.JSONDecodeError as error:
                raise RecordError(f"{where}: not JSON: {error.msg}") from error
            except ValidationError as error:
                first = error.errors()[0]
                raise RecordError(f"{where}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
            if record.id in seen:
                raise RecordError(f"{where}: id {record.id} is already used at {seen[record.id]}")
            seen[record.id] = where
            records.append(record)
    return records


def read_training_data(folder: Path) -> TrainingData:
    """Read `folder`/{anaesthesia,general,passages}/*.jsonl.

    Raises:
        RecordError: a malformed or duplicate record, with file, line and field.
        FileNotFoundError: no anaesthesia records at all.
    """
    data = TrainingData(
        anaesthesia=_read(folder / "anaesthesia", InstructionRecord),
        general=_read(folder / "general", InstructionRecord),
        passages=_read(folder / "passages", Passage),
    )
    if not data.anaesthesia:
        raise FileNotFoundError(f"no records under {folder / 'anaesthesia'}: expected *.jsonl files")
    return data
