"""The runtime is built once per machine and content, whatever runs at the same time or dies on the way."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from hypnos_convert.compile.runtime import build, cache_directory, notice, runtime_objects


@pytest.fixture
def builds(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Replaces the two minutes of zig by one that writes small files; collects where it wrote."""
    made: list[Path] = []

    def compile_(stage: Path, output: Path) -> None:
        made.append(output)
        for source in build._sources(stage):
            time.sleep(0.05)
            (output / f"{source.stem}.o").write_text(source.stem)

    monkeypatch.setattr(build, "_compile", compile_)
    return made


def test_built_once(tmp_path: Path, builds: list[Path]) -> None:
    said: list[str] = []
    first = runtime_objects(tmp_path, said.append)
    assert [path.read_text() for path in first] == [path.stem for path in first]
    assert runtime_objects(tmp_path, said.append) == first
    assert len(builds) == 1
    assert len(said) == 1 and "once on this machine" in said[0]


def test_two_at_once_build_once(tmp_path: Path, builds: list[Path]) -> None:
    results: list[list[Path]] = []
    threads = [threading.Thread(target=lambda: results.append(runtime_objects(tmp_path))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(builds) == 1
    assert len(results) == 4 and all(result == results[0] for result in results)


def test_a_build_that_dies_leaves_nothing_that_looks_ready(
    tmp_path: Path, builds: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    complete = build._compile

    def dies(stage: Path, output: Path) -> None:
        (output / "bridge.o").write_text("half")
        raise KeyboardInterrupt

    monkeypatch.setattr(build, "_compile", dies)
    with pytest.raises(KeyboardInterrupt):
        runtime_objects(tmp_path)
    assert not [path for path in tmp_path.iterdir() if path.is_dir()]
    monkeypatch.setattr(build, "_compile", complete)
    assert all(path.exists() for path in runtime_objects(tmp_path))


def test_other_content_is_another_runtime(tmp_path: Path, builds: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    before = runtime_objects(tmp_path)
    monkeypatch.setattr(build, "FLAGS", [*build.FLAGS, "-DCHANGED=1"])
    after = runtime_objects(tmp_path)
    assert before[0].parent != after[0].parent
    assert len(builds) == 2


def test_where_the_cache_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.delenv("HYPNOS_CACHE", raising=False)
    assert cache_directory() == tmp_path / "xdg" / "hypnos-convert"
    monkeypatch.setenv("HYPNOS_CACHE", str(tmp_path / "own"))
    assert cache_directory() == tmp_path / "own"
    assert cache_directory(tmp_path / "given") == tmp_path / "given"


def test_notice_names_what_is_inside() -> None:
    text = notice()
    for part in ("Apache TVM 0.27.0", "Apache TVM FFI 0.1.15", "Apache License, Version 2.0", "The Apache Software"):
        assert part in text
