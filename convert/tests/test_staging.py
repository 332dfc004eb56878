"""The folder that appears only when complete: resuming, errors, full disks, and kills at any moment."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path
from unittest import mock

import pytest

from hypnos_convert.errors import InputError, OutputError
from hypnos_convert.staging import Staging, check_space, hash_file

PIPELINE = Path(__file__).parents[1]


def partial(target: Path) -> Path:
    return target.parent / f".{target.name}.partial"


def journal(target: Path) -> Path:
    return target.parent / f".{target.name}.partial.journal"


def test_files_appear_together_at_the_end(tmp_path: Path):
    target = tmp_path / "out"
    with Staging(target, 1) as staging:
        staging.write("a.bin", b"abc")
        with staging.writing("sub/b.bin") as file:
            file.write(b"de")
            file.write(memoryview(b"f"))
        assert not target.exists()
        records = staging.publish(("seal.json", b"{}"))
    assert sorted(p.relative_to(target).as_posix() for p in target.rglob("*") if p.is_file()) == [
        "a.bin",
        "seal.json",
        "sub/b.bin",
    ]
    assert records == [hash_file(target, "a.bin"), hash_file(target, "sub/b.bin")]
    assert records[0].sha256 == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert not partial(target).exists()


def test_an_empty_target_is_fine_and_any_other_is_refused(tmp_path: Path):
    (tmp_path / "empty").mkdir()
    with Staging(tmp_path / "empty", 1) as staging:
        staging.publish()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_text("kept")
    (tmp_path / "file").write_text("kept")
    for name, message in (("full", "is not empty"), ("file", "is not a folder")):
        with pytest.raises(OutputError, match=message), Staging(tmp_path / name, 1):
            pass
        assert not partial(tmp_path / name).exists()
    assert (tmp_path / "full" / "x").read_text() == "kept"


def interrupt(target: Path, fingerprint: object) -> None:
    with pytest.raises(KeyboardInterrupt), Staging(target, fingerprint) as staging:
        staging.write("a.bin", b"abc")
        staging.write("b.bin", b"def")
        with staging.writing("c.bin") as file:
            file.write(b"half")
            raise KeyboardInterrupt


def test_an_interrupted_run_goes_on_with_its_finished_files(tmp_path: Path):
    target = tmp_path / "out"
    interrupt(target, {"seed": 1})
    with Staging(target, {"seed": 1}) as staging:
        assert [record.path for record in staging.files] == ["a.bin", "b.bin"]
        assert sorted(os.listdir(staging.folder)) == ["a.bin", "b.bin"]
        staging.publish()
    assert sorted(os.listdir(target)) == ["a.bin", "b.bin"]


def test_other_inputs_start_from_nothing(tmp_path: Path):
    target = tmp_path / "out"
    interrupt(target, {"seed": 1})
    with Staging(target, {"seed": 2}) as staging:
        assert staging.files == []
        assert os.listdir(staging.folder) == []


def test_a_damaged_file_is_made_again(tmp_path: Path):
    target = tmp_path / "out"
    interrupt(target, 1)
    (partial(target) / "a.bin").write_bytes(b"abd")
    (partial(target) / "b.bin").unlink()
    with Staging(target, 1) as staging:
        assert staging.files == []


@pytest.mark.parametrize(
    "line",
    [
        '{"path": "b.b',
        "[]",
        '{"path": "../../x", "bytes": 1}',
        '{"path": 5, "bytes": 1, "sha256": ""}',
        "nonsense",
        "\x00\udcff",
    ],
)
def test_a_damaged_journal_line_is_passed_over(tmp_path: Path, line: str):
    target = tmp_path / "out"
    interrupt(target, 1)
    with open(journal(target), "a", errors="surrogateescape") as file:
        file.write(line)
    with Staging(target, 1) as staging:
        assert [record.path for record in staging.files] == ["a.bin", "b.bin"]


def test_errors_meant_for_the_user_leave_nothing(tmp_path: Path):
    target = tmp_path / "out"
    with pytest.raises(InputError), Staging(target, 1) as staging:
        staging.write("a.bin", b"abc")
        raise InputError("bad weight")
    assert os.listdir(tmp_path) == []


def test_a_full_disk_leaves_nothing_and_says_so(tmp_path: Path):
    target = tmp_path / "out"
    with pytest.raises(OutputError, match=r"no space to write it .* free on that disk"), Staging(target, 1):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert os.listdir(tmp_path) == []


def test_other_faults_keep_the_work(tmp_path: Path):
    with pytest.raises(ZeroDivisionError), Staging(tmp_path / "out", 1) as staging:
        staging.write("a.bin", b"abc")
        raise ZeroDivisionError
    assert (partial(tmp_path / "out") / "a.bin").exists()


def test_two_runs_do_not_share_a_target(tmp_path: Path):
    with (
        Staging(tmp_path / "out", 1) as first,
        pytest.raises(OutputError, match="another run is writing it"),
        Staging(tmp_path / "out", 1),
    ):
        pass
    assert first.folder.exists()


PAUSED_PUBLISH = """
import sys
from pathlib import Path
from hypnos_convert.staging import Staging
step = sys.argv[2]
def pause(event, args):
    reached = (
        (step == "seal" and event == "open" and str(args[0]).endswith("seal.json"))
        or (step == "rename" and event == "os.rename" and str(args[1]).endswith("out"))
        or (step == "unlock" and event == "os.remove" and str(args[0]).endswith(".journal"))
    )
    if reached:
        print("paused", flush=True)
        sys.stdin.readline()
sys.addaudithook(pause)
with Staging(sys.argv[1], 1) as staging:
    staging.write("a.bin", b"first")
    staging.publish(("seal.json", b"sealed"))
"""


@pytest.mark.parametrize("step", ["seal", "rename", "unlock"])
def test_the_lock_is_held_until_the_folder_has_its_name(tmp_path: Path, step: str):
    target = tmp_path / "out"
    first = subprocess.Popen(
        [sys.executable, "-c", PAUSED_PUBLISH, target, step],
        cwd=PIPELINE,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert first.stdout is not None
    assert first.stdout.readline() == "paused\n"
    # The first run stands still; this second one must not touch its files.
    message = "is not empty" if step == "unlock" else "another run is writing it"
    with pytest.raises(OutputError, match=message), Staging(target, 2):
        pass
    first.communicate("go on\n")
    assert first.returncode == 0
    assert contents(target) == {"a.bin": b"first", "seal.json": b"sealed"}
    assert os.listdir(tmp_path) == ["out"]


def test_a_second_run_that_had_the_old_journal_in_its_hands_starts_over(tmp_path: Path):
    """It opened the journal, then the first run finished and removed it: the lock it gets then guards nothing."""
    target = tmp_path / "out"
    real, opened = fcntl.flock, []

    def late(file: object, operation: int) -> None:
        if not opened:
            opened.append(file)
            journal(target).unlink()
        real(file, operation)

    with mock.patch("hypnos_convert.staging.fcntl.flock", late), Staging(target, 1) as staging:
        assert journal(target).exists()
        with pytest.raises(OutputError, match="another run"), Staging(target, 1):
            pass
        staging.write("a.bin", b"abc")
        staging.publish()
    assert len(opened) == 1
    assert os.listdir(tmp_path) == ["out"]


def test_links_in_place_of_its_own_files_are_not_followed(tmp_path: Path):
    thesis = tmp_path / "thesis"
    thesis.mkdir()
    (thesis / "text.txt").write_text("mine")
    target = tmp_path / "out"
    partial(target).symlink_to(thesis)
    with pytest.raises(OutputError, match="symbolic link"), Staging(target, 1):
        pass
    partial(target).unlink()
    journal(target).symlink_to(thesis / "text.txt")
    with pytest.raises(OutputError, match="cannot be written"), Staging(target, 1):
        pass
    assert (thesis / "text.txt").read_text() == "mine"


def test_a_target_that_was_made_meanwhile_is_left_alone(tmp_path: Path):
    target = tmp_path / "out"
    with pytest.raises(OutputError, match="is not empty"), Staging(target, 1) as staging:
        staging.write("a.bin", b"abc")
        target.mkdir()
        (target / "thesis.txt").write_text("mine")
        staging.publish()
    assert os.listdir(tmp_path) == ["out"]
    assert os.listdir(target) == ["thesis.txt"]


@pytest.mark.parametrize("place", ["file/out", "file/deep/out", "/proc/out", "/proc/deep/out"])
def test_places_that_cannot_be_made_are_named(tmp_path: Path, place: str):
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError) as error, Staging(tmp_path / place, 1):
        pass
    assert str(tmp_path / "file") in str(error.value) if "file" in place else "/proc" in str(error.value)
    assert os.listdir(tmp_path) == ["file"]


def test_too_little_space_is_told_before_the_work(tmp_path: Path):
    with pytest.raises(OutputError, match=r"needs 1099511627776\.0 MiB, but only"):
        check_space(tmp_path / "not" / "yet" / "there", 1 << 60)


def test_what_an_earlier_run_left_counts_as_space(tmp_path: Path):
    interrupt(tmp_path / "out", 1)
    with mock.patch("shutil.disk_usage", return_value=mock.Mock(free=100)):
        check_space(tmp_path / "out", 100 + len(b"abcdef"))
        with pytest.raises(OutputError):
            check_space(tmp_path / "elsewhere", 101)


WRITER = """
import sys
from hypnos_convert.staging import Staging
with Staging(sys.argv[1], 1) as staging:
    for index in range(4):
        if staging.finished(f"{index}.bin") is None:
            with staging.writing(f"{index}.bin") as file:
                for _ in range(16):
                    file.write(bytes([index]) * 4096)
    staging.publish(("seal.json", b"sealed"))
"""
KILLER = """
import os, signal, sys
left = int(sys.argv[2])
def count(event, args):
    global left
    writes = event == "open" and args[1] not in (None, "r", "rb")
    if writes or event in ("os.rename", "os.remove", "os.truncate", "os.mkdir", "fcntl.flock"):
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(count)
"""


def run(script: str, *args: object) -> int:
    return subprocess.run([sys.executable, "-c", script, *map(str, args)], cwd=PIPELINE, check=False).returncode


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    target = tmp_path_factory.mktemp("whole") / "out"
    assert run(WRITER, target) == 0
    return contents(target)


def test_killed_before_any_change_to_the_disk_it_never_looks_finished(tmp_path: Path, expected: dict[str, bytes]):
    """One run per point: killed there, it must leave no target or a whole one; run again, it must leave the whole."""
    finished = 0
    for point in range(1, 100):
        target = tmp_path / str(point) / "out"
        target.parent.mkdir()
        code = run(KILLER + WRITER, target, point)
        if code == 0:
            break
        assert code == -9
        if target.exists():
            # Killed with the journal still to be removed.
            assert contents(target) == expected
            assert sorted(os.listdir(target.parent)) == [journal(target).name, "out"]
            finished += 1
            continue
        assert run(WRITER, target) == 0
        assert contents(target) == expected
        assert os.listdir(target.parent) == ["out"]
    assert 15 < point < 100
    assert finished == 1


def test_killed_again_and_again_it_gets_there(tmp_path: Path, expected: dict[str, bytes]):
    # Each run gets a few steps further than the last one.
    for points in range(1, 100):
        if (code := run(KILLER + WRITER, tmp_path / "out", points)) == 0:
            break
        assert code == -9
    assert points > 3
    assert contents(tmp_path / "out") == expected


def test_the_journal_is_readable_json_lines(tmp_path: Path):
    interrupt(tmp_path / "out", {"seed": 1})
    lines = journal(tmp_path / "out").read_text().splitlines()
    assert json.loads(lines[0]) == {"fingerprint": {"seed": 1}}
    assert [json.loads(line)["path"] for line in lines[1:]] == ["a.bin", "b.bin"]
