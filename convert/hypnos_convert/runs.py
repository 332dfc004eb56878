"""The folder of a run: one sub-folder per stage, each with a manifest.

    runs/NAME/
        ledger.jsonl      every paid reply of every endpoint, append-only, shared by all stages
        generate/ filter/ train/ merge/ evaluate/ package/
                          finished stages: their outputs and stage.json
        .train.partial/   a stage under way

A stage works in its partial folder and keeps there what it needs to resume; its manifest is written last, then the
folder is renamed. A finished stage is taken as it is if its manifest's fingerprint (settings and input hashes) is
today's and its outputs are intact. If not, the folder is moved aside, never deleted: ``train.previous-1``. The same
happens to a partial folder that was begun with other settings.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.metadata
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from . import __version__
from .errors import InputError, OutputError
from .inputs import Fields, read_json_object
from .progress import Progress
from .staging import FULL_DISK, FileRecord, hash_file

STAGES = ("generate", "filter", "train", "merge", "evaluate", "package")
MANIFEST = "stage.json"
FORMAT = "hypnos-stage/1"
_BEGUN = ".begun.json"
_LIBRARIES = ("torch", "transformers", "tokenizers", "trl", "peft", "accelerate", "datasets", "openai", "datasketch")


class HashCache:
    """SHA-256 of files, kept by path, size, change time and inode: weights of many gigabytes are not read each time."""

    def __init__(self, file: Path) -> None:
        self._file = file
        known = _read_json(file)
        self._known: dict[str, Any] = known if isinstance(known, dict) else {}

    def record(self, folder: Path, name: str) -> FileRecord:
        """Size and hash of ``folder / name``, under that name."""
        path = (folder / name).absolute()
        found = path.stat()
        state = [found.st_size, found.st_mtime_ns, found.st_ino]
        known = self._known.get(str(path))
        if known is not None and known["state"] == state:
            return FileRecord(name, found.st_size, known["sha256"])
        record = hash_file(folder, name)
        self._known[str(path)] = {"state": state, "sha256": record.sha256}
        return record

    def save(self) -> None:
        temporary = self._file.with_name(self._file.name + ".tmp")
        temporary.write_text(json.dumps(self._known), encoding="utf-8")
        os.replace(temporary, self._file)


class StageWork:
    """A stage under way: its partial folder, and what its manifest will tell."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.counts: dict[str, Any] = {}

    def write_text(self, path: str, text: str) -> Path:
        """Write a whole file under its name at once."""
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(target.name + ".tmp")
        temporary.write_text(text, encoding="utf-8")
        os.replace(temporary, target)
        return target

    def write_lines(self, path: str, lines: Sequence[Mapping[str, Any]]) -> Path:
        """Write a JSONL file."""
        return self.write_text(path, "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))


class Run:
    """One run's folder, held by one process at a time."""

    def __init__(self, folder: Path, progress: Progress) -> None:
        self.folder = folder
        self.progress = progress

    @property
    def ledger_path(self) -> Path:
        return self.folder / "ledger.jsonl"

    def stage_folder(self, stage: str) -> Path:
        return self.folder / stage

    def partial_folder(self, stage: str) -> Path:
        return self.folder / f".{stage}.partial"

    def require(self, stage: str, path: str) -> Path:
        """A file of a finished stage.

        Raises:
            InputError: the stage is not finished.
        """
        found = self.stage_folder(stage) / path
        if not (self.stage_folder(stage) / MANIFEST).exists():
            raise InputError(f"{self.folder}: stage {stage} is not finished; run it first")
        if not found.exists():
            raise InputError(f"{found} is missing although stage {stage} is finished; remove that folder and run it")
        return found

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the folder.

        Raises:
            OutputError: another process holds it, or it cannot be made.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            file = open(self.folder / ".lock", "w")  # noqa: SIM115 - held open as a lock
        except OSError as error:
            raise OutputError(f"{self.folder}: cannot be written: {error.strerror}") from error
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise OutputError(f"{self.folder}: another process is working in it") from None
            yield

    @contextmanager
    def stage(self, stage: str, settings: Any, inputs: Sequence[Path]) -> Iterator[StageWork | None]:
        """Make a stage; yields None where it is finished already.

        Leaving the block normally finishes the stage. Any error leaves the partial folder for the next run.

        Args:
            stage: one of STAGES.
            settings: JSON value of all that decides the outputs besides the inputs.
            inputs: files, and folders whose files all count.

        Raises:
            InputError: an input is missing.
            OutputError: the disk is full; what was finished is kept.
        """
        cache = HashCache(self.folder / ".hashes.json")
        hashes = [asdict(record) for path in inputs for record in hash_inputs(path, cache)]
        fingerprint = _digest({"format": FORMAT, "stage": stage, "settings": settings, "inputs": hashes})
        final, partial = self.stage_folder(stage), self.partial_folder(stage)
        if final.exists():
            problem = _problem(final, fingerprint, cache)
            cache.save()
            if problem is None:
                self.progress.say(f"{stage}: finished already")
                yield None
                return
            self.progress.say(f"{stage}: {problem}; the earlier result is kept as {_move_aside(final).name}")
        begun = {"fingerprint": fingerprint, "attempts": []}
        if partial.exists():
            earlier = _read_json(partial / _BEGUN) or {}
            if earlier.get("fingerprint") == fingerprint:
                begun = earlier
                self.progress.say(f"{stage}: goes on where it was stopped")
            else:
                self.progress.say(f"{stage}: begun with other settings; that is kept as {_move_aside(partial).name}")
        try:
            cache.save()
            partial.mkdir(exist_ok=True)
            begun["attempts"].append(_now())
            work = StageWork(partial)
            work.write_text(_BEGUN, json.dumps(begun))
            start = time.monotonic()
            with self.progress.stage(stage):
                yield work
                self._finish(stage, work, begun, settings, hashes, time.monotonic() - start)
        except OSError as error:
            if error.errno in FULL_DISK:
                free = shutil.disk_usage(self.folder).free >> 20
                raise OutputError(
                    f"{self.folder}: no space left ({free} MiB free); finished work is kept, "
                    "free some space and run the same command"
                ) from error
            raise

    def _finish(
        self, stage: str, work: StageWork, begun: Mapping[str, Any], settings: Any, inputs: Any, seconds: float
    ) -> None:
        partial, final = work.folder, self.stage_folder(stage)
        (partial / _BEGUN).unlink()
        outputs = [asdict(record) for record in hash_inputs(partial) if record.path != MANIFEST]
        manifest = {
            "format": FORMAT,
            "stage": stage,
            "fingerprint": begun["fingerprint"],
            "settings": settings,
            "inputs": inputs,
            "outputs": outputs,
            "versions": _versions(),
            "counts": work.counts,
            "seconds": round(seconds, 1),
            "attempts": begun["attempts"],
            "finished": _now(),
        }
        work.write_text(MANIFEST, json.dumps(manifest, ensure_ascii=False, indent=1) + "\n")
        os.replace(partial, final)


def hash_inputs(path: Path, cache: HashCache | None = None) -> list[FileRecord]:
    """Size and SHA-256 of a file, or of all files below a folder; paths are relative to it, hidden files left out.

    Raises:
        InputError: there is nothing at that path.
    """
    record = cache.record if cache is not None else hash_file
    if path.is_file():
        return [record(path.parent, path.name)]
    if not path.is_dir():
        raise InputError(f"{path} does not exist")
    names = sorted(p.relative_to(path) for p in path.rglob("*") if p.is_file())
    return [record(path, name.as_posix()) for name in names if not any(part[0] == "." for part in name.parts)]


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """The manifest of a stage's folder, or None where there is no proper one."""
    try:
        return load_manifest(folder)
    except InputError:
        return None


def load_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a stage's folder, with entries of the right types.

    Raises:
        InputError: there is none, or it is not what this program writes; file and entry are named.
    """
    path = folder / MANIFEST
    manifest = read_json_object(path)
    fields = Fields(manifest, path)
    if manifest.get("format") != FORMAT:
        fields.refuse("format", repr(FORMAT))
    for key in ("fingerprint", "finished"):
        fields.text(key)
    fields.number("seconds", 0, 1e12)
    fields.texts("attempts")
    fields.object("counts")
    for output in fields.objects("outputs"):
        if ".." in Path(output.text("path")).parts or Path(output.text("path")).is_absolute():
            output.refuse("path", "a path inside the stage's folder")
        output.integer("bytes", 0, 1 << 60)
        output.text("sha256")
    return manifest


def damage(folder: Path, manifest: Mapping[str, Any], cache: HashCache | None = None) -> str | None:
    """The first output that differs from its manifest, or None; without a cache every byte is read."""
    hashed = cache.record if cache is not None else hash_file
    for record in manifest["outputs"]:
        path = folder / record["path"]
        if not path.is_file():
            return f"{record['path']} is missing"
        try:
            size = path.stat().st_size
            if size != record["bytes"] or hashed(folder, record["path"]).sha256 != record["sha256"]:
                return f"{record['path']} was changed"
        except OSError as error:
            return f"{record['path']} cannot be read: {error.strerror}"
    return None


def _problem(folder: Path, fingerprint: str, cache: HashCache) -> str | None:
    manifest = read_manifest(folder)
    if manifest is None:
        return "it has no manifest"
    if manifest["fingerprint"] != fingerprint:
        return "settings or inputs changed since it was made"
    return damage(folder, manifest, cache)


def _move_aside(folder: Path) -> Path:
    number = 1
    while (target := folder.with_name(f"{folder.name}.previous-{number}")).exists():
        number += 1
    return folder.rename(target)


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, ensure_ascii=False, sort_keys=True).encode()).hexdigest()


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def _versions() -> dict[str, str]:
    versions = {"hypnos-convert": __version__}
    for name in _LIBRARIES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions
