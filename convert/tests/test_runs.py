"""Stage folders, the smoke evaluation's measures, lack of memory, and the recipes that ship."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest
import torch
from accelerate.commands.config.config_args import load_config_from_file
from hypothesis import given
from hypothesis import strategies as st

from hypnos_convert.config import load_config
from hypnos_convert.errors import InputError, OutputError
from hypnos_convert.journal import Journal
from hypnos_convert.progress import Progress
from hypnos_convert.runs import Run, damage, read_manifest
from hypnos_convert.smoke import is_degenerate, key_point_overlap
from hypnos_convert.train.job import _error
from hypnos_convert.train.memory import ResourceError, memory_told

RECIPES = Path(__file__).parents[1] / "recipes"


def make(run: Run, source: Path, settings: object = 1) -> bool:
    """Make a stage that copies its input; whether it had to be made."""
    with run.stage("generate", settings, [source]) as work:
        if work is not None:
            work.write_text("copy.txt", source.read_text())
            work.counts = {"characters": 3}
        return work is not None


@pytest.fixture
def run(tmp_path: Path) -> Run:
    (tmp_path / "run").mkdir()
    return Run(tmp_path / "run", Progress(quiet=True))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source.txt"
    path.write_text("one")
    return path


def test_a_stage_is_made_once_and_again_when_anything_changes(run: Run, source: Path) -> None:
    assert make(run, source) and not make(run, source)
    manifest = read_manifest(run.stage_folder("generate"))
    assert manifest["inputs"][0]["path"] == "source.txt" and manifest["counts"] == {"characters": 3}
    assert manifest["outputs"][0]["path"] == "copy.txt" and manifest["versions"]["torch"]
    assert make(run, source, settings=2) and not make(run, source, settings=2)
    source.write_text("two")
    assert make(run, source, settings=2)
    (run.stage_folder("generate") / "copy.txt").write_text("odd")
    assert damage(run.stage_folder("generate"), read_manifest(run.stage_folder("generate"))) == "copy.txt was changed"
    assert make(run, source, settings=2)
    assert (run.stage_folder("generate") / "copy.txt").read_text() == "two"
    assert sorted(path.name for path in run.folder.iterdir()) == [
        ".hashes.json", "generate", "generate.previous-1", "generate.previous-2", "generate.previous-3",
    ]  # fmt: skip


def test_an_error_leaves_the_partial_folder_to_go_on_from(run: Run, source: Path) -> None:
    def fail(settings: int) -> None:
        with run.stage("generate", settings, [source]) as work:
            work.write_text("half.txt", "half")
            raise InputError("no")

    with pytest.raises(InputError, match="no"):
        fail(1)
    with run.stage("generate", 1, [source]) as work:
        assert (work.folder / "half.txt").read_text() == "half"
    assert len(read_manifest(run.stage_folder("generate"))["attempts"]) == 2
    with pytest.raises(InputError, match="no"):
        fail(2)
    assert make(run, source, settings=3)
    assert not (run.stage_folder("generate") / "half.txt").exists(), "begun with other settings"
    assert (run.folder / ".generate.partial.previous-1" / "half.txt").exists()


def test_one_process_at_a_time_and_nothing_without_input(run: Run, tmp_path: Path) -> None:
    with run.lock(), pytest.raises(OutputError, match="another process"), Run(run.folder, run.progress).lock():
        pass
    with pytest.raises(InputError, match="nowhere does not exist"):
        make(run, tmp_path / "nowhere")
    with pytest.raises(InputError, match="stage train is not finished"):
        run.require("train", "x")


@given(st.lists(st.dictionaries(st.text(max_size=5), st.text(max_size=20), max_size=3), max_size=6), st.data())
def test_a_journal_cut_anywhere_keeps_all_whole_lines(
    tmp_path_factory: pytest.TempPathFactory, objects: list[dict[str, str]], data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("journal") / "j.jsonl"
    with Journal(path) as journal:
        for one in objects:
            journal.append(one)
    content = path.read_bytes()
    cut = data.draw(st.integers(0, len(content)))
    path.write_bytes(content[:cut])
    whole = content[:cut].count(b"\n")
    with Journal(path) as journal:
        assert journal.lines == objects[:whole]
        journal.append({"after": "the cut"})
    with Journal(path) as journal:
        assert journal.lines == [*objects[:whole], {"after": "the cut"}]


@pytest.mark.parametrize(
    ("text", "degenerate"),
    [
        ("", True),
        ("丙泊酚丙泊酚诱导" * 6, True),
        ("啊" * 25, True),
        ("先给氧，再呼救，停止可疑药物，静脉注射肾上腺素，快速补液。", False),
        ("1. 给氧；2. 呼救；3. 停药；4. 补液；5. 复查。", False),
    ],
)
def test_degenerate_answers(text: str, degenerate: bool) -> None:
    assert is_degenerate(text) is degenerate


def test_key_point_overlap() -> None:
    reference = "先给纯氧；静脉注射肾上腺素；快速补液。"
    assert key_point_overlap(reference, reference) == 1
    assert key_point_overlap("静脉注射肾上腺素", reference) == pytest.approx(1 / 3)
    assert key_point_overlap("今天天气很好", reference) == 0


def test_lack_of_memory_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ResourceError, match="not enough memory; buy some"), memory_told("buy some"):
        torch.empty(1 << 55)
    with pytest.raises(RuntimeError, match="something else"), memory_told("buy some"):
        raise RuntimeError("something else")
    (tmp_path / "train.log").write_text("")
    killed = _error(-signal.SIGKILL, tmp_path / "train.log")
    assert killed.exit_code == 7 and "lack of memory" in str(killed) and "last checkpoint" in str(killed)


def test_the_recipes_that_ship_are_valid() -> None:
    config = load_config(RECIPES / "hypnos-7b.yaml")
    assert [phase.name for phase in config.train.phases] == ["general", "anaesthesia"]
    for path in [*RECIPES.glob("*.yaml"), *RECIPES.glob("ablations/**/*.yaml")]:
        assert load_config(path).train.phases
    for path in (RECIPES / "accelerate").glob("*.yaml"):
        assert load_config_from_file(str(path)).num_processes > 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("name: [", r"r.yaml: not YAML: .*line 1"),
        ("- a", "expected a mapping"),
        ("name: x\nseed: -1", "r.yaml: seed: Input should be greater"),
        ("seed: 1", "r.yaml: name: Field required"),
        ("name: x\ntrain: {base: b, phases: [{name: one, data: [{}]}]}", r"train.phases.0.data.0: give either path"),
    ],
)
def test_configuration_errors_name_their_place(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "r.yaml").write_text(content)
    with pytest.raises(InputError, match=message):
        load_config(tmp_path / "r.yaml")
    with pytest.raises(InputError, match="cannot be read"):
        load_config(tmp_path / "none.yaml")


def test_manifests_of_another_kind_are_no_manifests(tmp_path: Path) -> None:
    (tmp_path / "stage.json").write_text(json.dumps({"format": "other"}))
    assert read_manifest(tmp_path) is None
