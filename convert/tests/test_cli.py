"""The command line: one clear message per error, its exit code, and nothing half-made left behind."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny import tiny_checkpoint

from hypnos_convert import __main__ as cli
from hypnos_convert.__main__ import COMMANDS, main

PIPELINE = Path(__file__).parents[1]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    (tmp_path / "outputs").mkdir()
    return tmp_path / "outputs" / "package"


def edit_json(name: str, **changes: Any) -> Callable[[Path], None]:
    def edit(model: Path) -> None:
        path = model / name
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))

    return edit


def delete(name: str) -> Callable[[Path], None]:
    return lambda model: (model / name).unlink()


def truncate(model: Path) -> None:
    shard = max(model.glob("*.safetensors"))
    shard.write_bytes(shard.read_bytes()[:-100])


def pickled(model: Path) -> None:
    for path in model.glob("model*"):
        path.unlink()
    (model / "pytorch_model.bin").write_bytes(b"\x80\x04.")


def poison(model: Path) -> None:
    path = max(model.glob("*.safetensors"))
    weights = load_file(path)
    name = sorted(weights)[0]
    weights[name].view(-1)[7] = float("inf")
    save_file(weights, path, metadata={"format": "pt"})


def tokens_beyond(model: Path) -> None:
    path = model / "tokenizer.json"
    tokenizer = json.loads(path.read_text())
    tokenizer["model"]["vocab"]["beyond"] = 512
    path.write_text(json.dumps(tokenizer))


BAD: dict[str, tuple[Callable[[Path], None], str]] = {
    "architecture": (
        edit_json("config.json", architectures=["GPT2LMHeadModel"]),
        "architectures: ['GPT2LMHeadModel'] is not supported; supported are",
    ),
    "rope": (edit_json("config.json", rope_parameters={"rope_type": "yarn"}), "RoPE type 'yarn' is not supported"),
    "head size": (edit_json("config.json", head_dim=65), "head size 65 is not supported"),
    "pickled": (pickled, "pickled weights (pytorch_model.bin) are refused"),
    "missing shard": (lambda model: min(model.glob("model-*")).unlink(), "weight files are missing: model-00001"),
    "truncated shard": (truncate, "is truncated or damaged"),
    "shape": (edit_json("config.json", intermediate_size=384), "config.json asks for [384, 256]"),
    "vocabulary": (edit_json("config.json", vocab_size=600), "the vocabulary of the weights has 512 entries"),
    "tokenizer beyond the vocabulary": (tokens_beyond, "the tokenizer has ids up to 512"),
    "no tokenizer": (delete("tokenizer.json"), "tokenizer.json is missing"),
    "no chat template": (delete("chat_template.jinja"), "the checkpoint has no chat template"),
    "end of text beyond the vocabulary": (
        edit_json("generation_config.json", eos_token_id=[2, 9999]),
        "eos_token_id 9999 lies outside the vocabulary of 512",
    ),
}


def refused(capsys: pytest.CaptureFixture[str], argv: list[object], code: int) -> str:
    assert main([str(word) for word in argv]) == code
    error = capsys.readouterr().err
    assert "Traceback" not in error
    lines = [line for line in error.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1
    return lines[0]


@pytest.mark.parametrize("name", BAD)
def test_bad_checkpoints_get_one_clear_line(name: str, model: Path, out: Path, capsys: pytest.CaptureFixture[str]):
    spoil, message = BAD[name]
    spoil(model)
    assert message in refused(capsys, ["package", "--model", model, "--out", out, "--quiet"], 3)
    assert os.listdir(out.parent) == []


def test_a_bad_weight_is_found_while_writing(model: Path, out: Path, capsys: pytest.CaptureFixture[str]):
    poison(model)
    error = refused(capsys, ["quantize", "--model", model, "--out", out, "--quiet"], 3)
    assert "weights are NaN or infinite" in error
    assert "tensor model." in error
    assert os.listdir(out.parent) == []


def test_what_people_are_told_is_checked_before_the_work(model: Path, out: Path, capsys: pytest.CaptureFixture[str]):
    base = ["package", "--model", model, "--out", out, "--quiet"]
    assert "version: 'one'" in refused(capsys, [*base, "--version", "one"], 3)
    assert "id: 'Big Model'" in refused(capsys, [*base, "--id", "Big Model"], 3)
    provenance = model / "provenance.json"
    provenance.write_text('{"bases": "x"}')
    assert "unknown entries bases" in refused(capsys, [*base, "--provenance", provenance], 3)
    provenance.write_text('{"stages": "first"}')
    assert "stages must be a list" in refused(capsys, [*base, "--provenance", provenance], 3)
    assert "--reviewer needs --notice-zh" in refused(capsys, [*base, "--reviewer", "Dr. Li"], 3)
    evaluation = model / "evaluation.json"
    evaluation.write_text('{"benchmark": "b"}')
    assert "evaluation.json: the document: " in refused(capsys, [*base, "--evaluation", evaluation], 3)
    assert os.listdir(out.parent) == []


def test_a_folder_that_holds_something_is_left_alone(model: Path, out: Path, capsys: pytest.CaptureFixture[str]):
    out.mkdir()
    (out / "thesis.txt").write_text("mine")
    for command in ("package", "quantize"):
        assert "is not empty" in refused(capsys, [command, "--model", model, "--out", out, "--quiet"], 4)
    assert os.listdir(out) == ["thesis.txt"]
    assert os.listdir(out.parent) == ["package"]


def test_a_full_disk_is_told_and_leaves_nothing(model: Path, out: Path):
    def little_space() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))

    done = subprocess.run(
        [sys.executable, "-m", "hypnos_convert", "quantize", "--model", model, "--out", out],
        cwd=PIPELINE,
        preexec_fn=little_space,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 4
    assert "no space to write it" in done.stderr
    assert "nothing was left behind" in done.stderr
    assert "Traceback" not in done.stderr
    assert os.listdir(out.parent) == []


@pytest.mark.parametrize("command", ["compile", "package"])
def test_a_disk_too_full_for_a_library_is_told_and_leaves_nothing(command: str, model: Path, out: Path):
    def little_space() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))

    more = ["--out", out.with_suffix(".wasm")] if command == "compile" else ["--out", out, "--targets", "gpu"]
    done = subprocess.run(
        [sys.executable, "-m", "hypnos_convert", command, "--model", model, "--quiet", *more],
        cwd=PIPELINE,
        preexec_fn=little_space,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 4, done.stderr
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
    assert f"{out.parent}" in done.stderr and "no room for the 16.0 MiB" in done.stderr
    assert os.listdir(out.parent) == []


def test_quantising_twice_gives_the_same_bytes(model: Path, out: Path):
    for name in ("one", "two"):
        assert main(["quantize", "--model", str(model), "--out", str(out / name), "--quiet"]) == 0
    one, two = ({path.name: path.read_bytes() for path in (out / name).iterdir()} for name in ("one", "two"))
    assert one == two
    assert {"params_shard_0.bin", "tensor-cache.json"} == set(one)


KILLED_QUANTIZE = """
import functools, os, signal, sys
from pathlib import Path
import torch
from hypnos_convert import package
from hypnos_convert.progress import Progress
from hypnos_convert.shards import plan

torch.set_num_threads(1)  # or forked children would wait for threads that they do not have
package.plan = functools.partial(plan, cap=60_000)
options = package.ModelOptions(Path(sys.argv[1]))
out = Path(sys.argv[2])

def attempt(steps):
    left = steps
    def count(event, args):
        nonlocal left
        writes = event == "open" and args[1] not in (None, "r", "rb")
        if writes or event in ("os.rename", "os.remove", "os.truncate", "os.mkdir"):
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
    if os.fork() == 0:
        sys.addaudithook(count)
        package.make_weights(options, out, Progress(quiet=True))
        os._exit(0)
    return os.waitstatus_to_exitcode(os.wait()[1])

kills, steps = 0, 0
while (code := attempt(steps := steps + 1)) != 0:
    assert code == -signal.SIGKILL, code
    assert not out.exists()
    kills += 1
print(kills)
"""


def test_killed_at_every_step_it_resumes_and_ends_the_same(model: Path, out: Path):
    done = subprocess.run(
        [sys.executable, "-c", KILLED_QUANTIZE, model, out], cwd=PIPELINE, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 5
    assert os.listdir(out.parent) == ["package"]
    shards = sorted(out.glob("params_shard_*.bin"), key=lambda path: int(path.stem.rsplit("_", 1)[1]))
    assert len(shards) > 8
    whole = out.parent / "whole"
    assert main(["quantize", "--model", str(model), "--out", str(whole), "--quiet"]) == 0
    assert b"".join(path.read_bytes() for path in shards) == (whole / "params_shard_0.bin").read_bytes()


PEAK_OF_QUANTIZE = """
import sys
from hypnos_convert.__main__ import main
from hypnos_convert.package import _peak_memory
assert main(["quantize", "--quiet", "--model", sys.argv[1], "--out", sys.argv[2]]) == 0
print(_peak_memory())
"""


def test_memory_does_not_grow_with_the_model(tmp_path: Path):
    peaks = []
    for layers in (2, 10):
        model = tiny_checkpoint(
            tmp_path / f"model{layers}",
            "qwen2",
            dtype=torch.bfloat16,
            hidden_size=1024,
            intermediate_size=2816,
            num_hidden_layers=layers,
        )
        out = tmp_path / f"out{layers}"
        done = subprocess.run(
            [sys.executable, "-c", PEAK_OF_QUANTIZE, model, out],
            cwd=PIPELINE,
            capture_output=True,
            text=True,
            check=True,
        )
        peaks.append(int(done.stdout) / 2**20)
        size = (model / "model.safetensors").stat().st_size / 2**20
    # Eight more layers are 144 MiB more of weights.
    assert size > 180
    assert peaks[1] - peaks[0] < 60


@pytest.mark.parametrize("command", [name for name in COMMANDS if name != "bench"])
def test_help(command: str, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as end:
        main([command, "--help"])
    assert end.value.code == 0
    assert "--debug" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["bake"], "invalid choice: 'bake'"),
        (["package", "--model", "m"], "--out"),
        (["package", "--model", "m", "--out", "o", "--targets", "gpu,cpu"], "unknown target 'cpu'"),
        (["package", "--model", "m", "--out", "o", "--context-window", "0"], "at least 1"),
        (["package", "--model", "m", "--out", "o", "--template-date", "today"], "Invalid isoformat"),
        (["quantize", "--model", "m", "--out", "o", "--quantization", "q8"], "invalid choice: 'q8'"),
    ],
)
def test_wrong_usage_exits_with_2(argv: list[str], message: str, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as end:
        main(argv)
    assert end.value.code == 2
    assert message in capsys.readouterr().err


def test_debug_shows_the_traceback(tmp_path: Path):
    with pytest.raises(Exception, match="no such folder"):
        main(["verify", str(tmp_path / "nowhere"), "--debug"])


def test_verify_reports_damage_with_its_own_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert "no finished package" in refused(capsys, ["verify", tmp_path], 5)


@pytest.mark.parametrize(
    ("raised", "code", "message"),
    [
        (KeyboardInterrupt(), 130, "the same command goes on where it stopped"),
        (ZeroDivisionError("x"), 1, "internal error: ZeroDivisionError: x (--debug shows where)"),
        (PermissionError(13, "Permission denied", "/x"), 4, "error: /x: Permission denied"),
    ],
)
def test_other_ends(
    raised: BaseException,
    code: int,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
):
    def fail(_folder: Path) -> None:
        raise raised

    monkeypatch.setattr("hypnos_convert.manifest.verify", fail)
    assert cli.main(["verify", str(tmp_path)]) == code
    assert message in capsys.readouterr().err
