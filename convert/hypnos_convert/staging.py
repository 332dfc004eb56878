"""A folder that appears at its final name only when it is complete.

Files are written into ``.<name>.partial`` beside the target and entered one by one in ``.<name>.partial.journal``, also
beside it; the last step renames the folder. A killed run leaves these two: the next run with the same inputs keeps the
files that the journal vouches for and whose SHA-256 still matches, any other run starts from nothing.

The journal is the lock, too. It lies outside the folder so that it can be held until the folder has its final name, and
is removed while it is held: whoever takes the lock must check that the name still leads to the file that is locked.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from .errors import ConvertError, OutputError

FULL_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""What the system says when there is no room: of the disk, of the user's share of it, for a file of that size."""

_ROOM_BLOCK = 1 << 20


@dataclass(frozen=True)
class FileRecord:
    """A finished file: path relative to the folder, size, and lower-case hexadecimal SHA-256."""

    path: str
    bytes: int
    sha256: str


class HashingWriter:
    """Counts and hashes what is written to a binary file."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self._bytes = 0

    def write(self, data: bytes | memoryview) -> None:
        self._file.write(data)
        self._hash.update(data)
        self._bytes += len(data)

    def record(self, path: str) -> FileRecord:
        return FileRecord(path, self._bytes, self._hash.hexdigest())


class Staging:
    """Context manager around the making of ``target``.

    Leaving it normally without ``publish`` keeps the partial folder, and so does being killed or interrupted. An error
    that a user must act on (``ConvertError``) or a full disk removes it.

    Args:
        target: the folder to make; it must not exist, or be empty.
        fingerprint: any JSON value that changes whenever an input or a setting does.

    Raises:
        OutputError: the target holds something, another run is writing it, or the disk is full.
    """

    def __init__(self, target: str | Path, fingerprint: Any) -> None:
        self.target = Path(os.path.abspath(target))
        self.folder = _partial(self.target)
        self.journal = self.target.parent / f"{self.folder.name}.journal"
        self._fingerprint = json.loads(json.dumps(fingerprint))
        self._finished: dict[str, FileRecord] = {}
        self._open_journal: IO[str] | None = None

    def __enter__(self) -> Staging:
        check_target(self.target)
        make_folder(self.target.parent)
        with ExitStack() as held:
            held.callback(self._unlock)
            try:
                self._lock()
                # Another run may have finished while this one came for the lock.
                check_target(self.target)
                self._resume()
            except (OSError, ConvertError) as error:
                if self._open_journal is not None and not self._finished:
                    self._remove()
                if isinstance(error, ConvertError):
                    raise
                raise OutputError(f"{self.target}: cannot be written: {error.strerror}") from error
            held.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if isinstance(error, OSError) and error.errno in FULL_DISK:
                free = shutil.disk_usage(self.target.parent).free
                self._remove()
                raise OutputError(
                    f"{self.target}: no space to write it ({error.strerror}; {_mib(free)} free on that disk); "
                    "nothing was left behind"
                ) from error
            if isinstance(error, ConvertError):
                self._remove()
        finally:
            self._unlock()

    @property
    def files(self) -> list[FileRecord]:
        """All files finished so far, those kept from an earlier run included."""
        return list(self._finished.values())

    def finished(self, path: str) -> FileRecord | None:
        """The record of a file that is already in place, or None."""
        return self._finished.get(path)

    @contextmanager
    def writing(self, path: str) -> Iterator[HashingWriter]:
        """Write one file; it gets its name and its journal entry when the block ends without an error."""
        destination = self.folder / path
        destination.parent.mkdir(parents=True, exist_ok=True)
        temporary = destination.with_name(destination.name + ".tmp")
        with open(temporary, "wb") as file:
            writer = HashingWriter(file)
            yield writer
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, destination)
        self._enter(writer.record(path))

    def write(self, path: str, data: bytes) -> FileRecord:
        """Write a whole file."""
        with self.writing(path) as file:
            file.write(data)
        return self._finished[path]

    def adopt(self, path: str) -> FileRecord:
        """Enter a file that something else wrote into ``folder``."""
        (self.folder / path).chmod(0o644)
        with open(self.folder / path, "rb") as file:
            os.fsync(file.fileno())
        record = hash_file(self.folder, path)
        self._enter(record)
        return record

    def publish(self, seal: tuple[str, bytes] | None = None) -> list[FileRecord]:
        """Write the ``seal`` file (path and content) last of all and move the folder to its final name.

        Raises:
            OutputError: something has come to lie at the target in the meantime.
        """
        if seal is not None:
            path, data = seal
            with open(self.folder / path, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        for folder in (self.folder, *(path for path in self.folder.rglob("*") if path.is_dir())):
            _sync_folder(folder)
        check_target(self.target)
        try:
            os.replace(self.folder, self.target)
        except OSError as error:
            raise OutputError(f"{self.target}: cannot get its name: {error.strerror}") from error
        _sync_folder(self.target.parent)
        self._remove_journal()
        return self.files

    def _lock(self) -> None:
        while self._open_journal is None:
            # A link here would be followed to a file that is not this program's.
            descriptor = os.open(self.journal, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o644)
            with ExitStack() as opened:
                journal = opened.enter_context(open(descriptor, "a+", encoding="utf-8", errors="replace"))
                try:
                    fcntl.flock(journal, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    raise OutputError(
                        f"{self.target}: another run is writing it; wait, or choose another --out"
                    ) from None
                # If not, its last holder removed it before this run had it.
                if _same_file(journal, self.journal):
                    self._open_journal = journal
                    opened.pop_all()

    def _resume(self) -> None:
        assert self._open_journal is not None
        self.folder.mkdir(exist_ok=True)
        if self.folder.is_symlink():
            raise OutputError(f"{self.folder} is a symbolic link; remove it first")
        self._open_journal.seek(0)
        first, *rest = [_parse(line) for line in self._open_journal.read().splitlines()] or [None]
        if first == {"fingerprint": self._fingerprint}:
            for record in map(_record, rest):
                if record is not None and _intact(self.folder, record):
                    self._finished[record.path] = record
        self._drop_strays()
        self._open_journal.seek(0)
        self._open_journal.truncate()
        self._append({"fingerprint": self._fingerprint})
        for record in self._finished.values():
            self._append(asdict(record))

    def _drop_strays(self) -> None:
        for path in sorted(self.folder.rglob("*"), reverse=True):
            if path.is_dir() and not path.is_symlink():
                if not any(path.iterdir()):
                    path.rmdir()
            elif path.relative_to(self.folder).as_posix() not in self._finished:
                path.unlink()

    def _enter(self, record: FileRecord) -> None:
        self._finished[record.path] = record
        self._append(asdict(record))

    def _append(self, line: dict[str, Any]) -> None:
        assert self._open_journal is not None
        self._open_journal.write(json.dumps(line) + "\n")
        self._open_journal.flush()

    def _remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        self._remove_journal()

    def _remove_journal(self) -> None:
        """Unlink the journal while it is held, then let it go."""
        if self._open_journal is not None:
            self.journal.unlink(missing_ok=True)
        self._unlock()

    def _unlock(self) -> None:
        if self._open_journal is not None:
            self._open_journal.close()
            self._open_journal = None


@contextmanager
def replacing(path: Path, data: bytes, beside: Path | None = None) -> Iterator[None]:
    """Write ``data`` beside ``path`` under a hidden name, so that it is on the disk before the block begins; the file
    gets its name when the block ends without an error. Nothing else is left behind.

    Args:
        beside: the hidden name, on the same disk; by default one beside ``path``.

    Raises:
        OutputError: it cannot be written.
    """
    path = Path(os.path.abspath(path))
    temporary = beside or path.with_name(f".{path.name}.tmp")
    try:
        try:
            if path.is_dir():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            # Not through what may lie there: a link would lead elsewhere.
            temporary.unlink(missing_ok=True)
            with open(temporary, "xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise OutputError(f"{path}: cannot be written: {error.strerror}") from error
        yield
        try:
            os.replace(temporary, path)
        except OSError as error:
            raise OutputError(f"{path}: cannot be written: {error.strerror}") from error
    finally:
        temporary.unlink(missing_ok=True)


def check_target(target: Path) -> None:
    """Refuse a target that holds something.

    Raises:
        OutputError: it is a file, or a folder that is not empty.
    """
    if target.is_dir() and not target.is_symlink():
        if any(target.iterdir()):
            raise OutputError(f"{target} is not empty; choose another --out or remove it first")
    elif target.exists() or target.is_symlink():
        raise OutputError(f"{target} is not a folder; choose another --out")


def make_folder(folder: Path) -> None:
    """Make a folder and those above it.

    Raises:
        OutputError: something else lies in the way, or the place cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        blocking = next((path for path in (folder, *folder.parents) if os.path.lexists(path)), folder)
        if not blocking.is_dir():
            raise OutputError(f"{folder}: cannot be made, because {blocking} is not a folder") from error
        raise OutputError(f"{folder}: cannot be made in {blocking}: {error.strerror}") from error


def check_writable(folder: Path) -> None:
    """Refuse a folder that takes no file, before the work rather than after it.

    Raises:
        OutputError: no file can be made in it.
    """
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OutputError(f"{folder}: no file can be made in it: {error.strerror}") from error


def check_space(target: Path, needed: int) -> None:
    """Refuse early when the disk cannot hold ``needed`` bytes, those that an earlier run left counted in.

    Raises:
        OutputError: too little space; the message gives both figures.
    """
    existing = next(p for p in (target, *target.absolute().parents) if p.exists())
    left = sum(path.stat().st_size for path in _partial(target).rglob("*") if path.is_file())
    available = shutil.disk_usage(existing).free + left
    if available < needed:
        raise OutputError(f"{target}: needs {_mib(needed)}, but only {_mib(available)} are available on that disk")


def require_room(folder: Path, needed: int) -> None:
    """Refuse a folder that does not take ``needed`` bytes, by writing them once: for programs that die of a full disk
    without a word. Unlike ``check_space`` this knows of quotas and of the greatest size of a file.

    Raises:
        OutputError: they do not fit.
    """
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            for _ in range(-(-needed // _ROOM_BLOCK)):
                file.write(bytes(_ROOM_BLOCK))
    except OSError as error:
        free = shutil.disk_usage(folder).free
        raise OutputError(
            f"{folder}: no room for the {_mib(needed)} that may be needed there ({error.strerror}; {_mib(free)} free "
            "on that disk)"
        ) from error


def hash_file(folder: Path, path: str) -> FileRecord:
    """Size and SHA-256 of a file."""
    with open(folder / path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256")
        return FileRecord(path, file.tell(), digest.hexdigest())


def _partial(target: Path) -> Path:
    target = Path(os.path.abspath(target))
    return target.parent / f".{target.name}.partial"


def _same_file(file: IO[str], path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.stat(path))
    except FileNotFoundError:
        return False


def _intact(folder: Path, record: FileRecord) -> bool:
    try:
        return hash_file(folder, record.path) == record
    except OSError:
        return False


def _parse(line: str) -> Any:
    try:
        return json.loads(line)
    except json.JSONDecodeError:
        return None  # The run was killed while it wrote this line.


def _record(line: Any) -> FileRecord | None:
    try:
        record = FileRecord(**line)
    except TypeError:
        return None
    inside = isinstance(record.path, str) and ".." not in Path(record.path).parts and "\0" not in record.path
    return record if inside else None


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _mib(count: int) -> str:
    return f"{count / (1 << 20):.1f} MiB"
