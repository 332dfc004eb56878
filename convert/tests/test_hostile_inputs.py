"""Inputs that are damaged, foreign or malicious: one line that names file and entry, the right code, nothing left."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hostile import one_line

from hypnos_convert.__main__ import main

PIPELINE = Path(__file__).parents[1]
Spoil = Callable[[Path], object]


def entry(name: str, key: str, value: Any) -> Spoil:
    """Put a value into a JSON file."""

    def spoil(model: Path) -> None:
        path = model / name
        path.write_text(json.dumps({**json.loads(path.read_text()), key: value}))

    return spoil


def raw(name: str, key: str, text: str) -> Spoil:
    """Put text that is no JSON of Python's into a JSON file."""

    def spoil(model: Path) -> None:
        entry(name, key, "PLACE")(model)
        (model / name).write_text((model / name).read_text().replace('"PLACE"', text))

    return spoil


def content(name: str, data: bytes) -> Spoil:
    return lambda model: (model / name).write_bytes(data)


def replaced(pattern: str, make: Callable[[Path], object]) -> Spoil:
    """Put something else in a file's place."""

    def spoil(model: Path) -> None:
        path = max(model.glob(pattern))
        path.unlink()
        make(path)

    return spoil


def dangling(path: Path) -> None:
    path.symlink_to("nowhere")


def looping(path: Path) -> None:
    path.symlink_to(path.name)


def tokenizer(change: Callable[[dict[str, Any]], object]) -> Spoil:
    def spoil(model: Path) -> None:
        value = json.loads((model / "tokenizer.json").read_text())
        change(value)
        (model / "tokenizer.json").write_text(json.dumps(value))

    return spoil


CONFIG, GENERATION, TOKENIZER = "config.json", "generation_config.json", "tokenizer_config.json"

BAD: dict[str, tuple[Spoil, list[str]]] = {
    "quantised, as text": (
        entry(CONFIG, "quantization_config", "x"),
        [CONFIG, "quantization_config must be an object"],
    ),
    "quantised, list": (entry(CONFIG, "quantization_config", ["gptq"]), [CONFIG, "quantization_config must be an"]),
    "quantised, method a map": (entry(CONFIG, "quantization_config", {"quant_method": {}}), ["quant_method must be"]),
    "architectures, text": (
        entry(CONFIG, "architectures", "Qwen2ForCausalLM"),
        [CONFIG, "architectures must be a list"],
    ),
    "architectures, numbers": (entry(CONFIG, "architectures", [1]), [CONFIG, "architectures must be a list of texts"]),
    "architectures, empty": (entry(CONFIG, "architectures", []), [CONFIG, "architectures", "model_type 'qwen2'"]),
    "model type, list": (entry(CONFIG, "model_type", ["qwen2"]), [CONFIG, "model_type must be a text"]),
    "activation, list": (entry(CONFIG, "hidden_act", ["silu"]), [CONFIG, "hidden_act must be a text"]),
    "layers, a billion": (entry(CONFIG, "num_hidden_layers", 10**9), [CONFIG, "num_hidden_layers", "from 1 to 1024"]),
    "layers, more than there are": (entry(CONFIG, "num_hidden_layers", 1000), ["missing from the checkpoint"]),
    "vocabulary, huge": (entry(CONFIG, "vocab_size", 10**12), [CONFIG, "vocab_size must be an integer"]),
    "width, huge": (entry(CONFIG, "hidden_size", 2**60), [CONFIG, "hidden_size must be an integer"]),
    "heads, negative": (entry(CONFIG, "num_attention_heads", -4), [CONFIG, "num_attention_heads must be"]),
    "sizes as text": (entry(CONFIG, "intermediate_size", "352"), [CONFIG, "intermediate_size", "found '352'"]),
    "5000 digits": (raw(CONFIG, "vocab_size", "9" * 5000), [CONFIG, "is not valid JSON: Exceeds the limit"]),
    "4000 digits": (raw(CONFIG, "vocab_size", "9" * 4000), [CONFIG, "vocab_size must be an integer"]),
    "not a number": (raw(CONFIG, "rms_norm_eps", "NaN"), [CONFIG, "NaN is no number"]),
    "infinity": (raw(CONFIG, "rms_norm_eps", "1e999"), [CONFIG, "1e999 is too large a number"]),
    "deep": (raw(CONFIG, "x", "[" * 100_000 + "]" * 100_000), [CONFIG, "nested too deeply"]),
    "rather deep": (raw(CONFIG, "x", '{"a":' * 500 + "1" + "}" * 500), [CONFIG, "nested too deeply"]),
    "half a character": (raw(CONFIG, "_name_or_path", '"\\ud800"'), [CONFIG, "half of a surrogate pair"]),
    "base, a number": (entry(CONFIG, "_name_or_path", 5), [CONFIG, "_name_or_path must be a text"]),
    "not UTF-8": (content(CONFIG, b'{"a": "\xff"}'), [CONFIG, "is not UTF-8 text: byte 7 is 0xff"]),
    "UTF-16": (content(CONFIG, "{}".encode("utf-16")), [CONFIG, "is not UTF-8 text"]),
    "empty": (content(CONFIG, b""), [CONFIG, "is not valid JSON"]),
    "a list": (content(CONFIG, b"[]"), [CONFIG, "expected a JSON object, found list"]),
    "generation, a list": (content(GENERATION, b"[1]"), [GENERATION, "expected a JSON object"]),
    "end, a map": (entry(GENERATION, "eos_token_id", {"a": 1}), [GENERATION, "eos_token_id must be an integer"]),
    "end, texts": (entry(GENERATION, "eos_token_id", ["<|im_end|>"]), [GENERATION, "eos_token_id must be an integer"]),
    "end, true": (entry(GENERATION, "eos_token_id", True), [GENERATION, "eos_token_id must be an integer"]),
    "end, nested": (entry(GENERATION, "eos_token_id", [[2]]), [GENERATION, "eos_token_id must be an integer"]),
    "end, negative": (entry(GENERATION, "eos_token_id", -1), [GENERATION, "eos_token_id -1 lies outside"]),
    "temperature, text": (entry(GENERATION, "temperature", "hot"), [GENERATION, "temperature must be a number"]),
    "temperature, negative": (entry(GENERATION, "temperature", -1), [GENERATION, "temperature must be a number"]),
    "temperature, list": (entry(GENERATION, "temperature", [1]), [GENERATION, "temperature must be a number"]),
    "top_p, above one": (entry(GENERATION, "top_p", 1.5), [GENERATION, "top_p must be a number"]),
    "top_p, nothing": (entry(GENERATION, "top_p", 0), [GENERATION, "top_p must be a number above 0"]),
    "sampling, text": (entry(GENERATION, "do_sample", "no"), [GENERATION, "do_sample must be true or false"]),
    "penalty, true": (entry(GENERATION, "repetition_penalty", True), [GENERATION, "repetition_penalty must be"]),
    "template, range": (content("chat_template.jinja", b"{% for i in range(10**9) %}{% endfor %}"), ["OverflowError"]),
    "template, memory": (content("chat_template.jinja", b"{{ 'a' * 100000000000 }}"), ["the chat template needs more"]),
    "template, floats": (content("chat_template.jinja", b"{{ 'a' * 1e11 }}"), ["the chat template", "TypeError"]),
    "template, not UTF-8": (content("chat_template.jinja", b"\xff\xfe"), ["the tokenizer cannot be loaded"]),
    "tokenizer class, list": (
        entry(TOKENIZER, "tokenizer_class", ["x"]),
        [TOKENIZER, "tokenizer_class must be a text"],
    ),
    "tokenizer config, list": (content(TOKENIZER, b"[]"), [TOKENIZER, "expected a JSON object"]),
    "tokenizer, not UTF-8": (content("tokenizer.json", b"\xff"), ["tokenizer.json", "is not UTF-8 text"]),
    "tokenizer, a list": (content("tokenizer.json", b"[]"), ["tokenizer.json", "expected a JSON object"]),
    "tokenizer, no model": (tokenizer(lambda t: t.pop("model")), ["tokenizer.json", "cannot be loaded"]),
    "tokenizer, model text": (tokenizer(lambda t: t.update(model="x")), ["tokenizer.json", "cannot be loaded"]),
    "tokenizer, decoder": (
        tokenizer(lambda t: t.update(decoder={"type": "x"})),
        ["tokenizer.json", "cannot be loaded"],
    ),
    "tokenizer, id": (tokenizer(lambda t: t["model"]["vocab"].update(x=2**31)), ["ids up to 2147483648"]),
    "index, no map": (content("model.safetensors.index.json", b"{}"), ["model.safetensors.index.json", "weight_map"]),
    "index, a number": (
        content("model.safetensors.index.json", b'{"weight_map": {"a": 1}}'),
        ["model.safetensors.index.json", "tensor 'a' is placed in 1"],
    ),
    "index, a zero byte": (
        content("model.safetensors.index.json", b'{"weight_map": {"a": "a\\u0000.safetensors"}}'),
        ["model.safetensors.index.json", "no safetensors file name"],
    ),
    "weights, dangling": (replaced("model-*", dangling), [".safetensors", "a link to nowhere, which does not exist"]),
    "weights, looping": (replaced("model-*", looping), [".safetensors", "Too many levels of symbolic links"]),
    "weights, a folder": (replaced("model-*", Path.mkdir), [".safetensors", "cannot be read: it is a folder"]),
    "weights, a pipe": (replaced("model-*", os.mkfifo), [".safetensors", "cannot be read: it is no regular file"]),
    "weights, empty": (replaced("model-*", Path.touch), [".safetensors", "(0 bytes) is truncated or damaged"]),
    "weights, a header without end": (
        replaced("model-*", lambda path: path.write_bytes(b"\xff" * 64)),
        [".safetensors", "is truncated or damaged"],
    ),
    "config, dangling": (replaced(CONFIG, dangling), [CONFIG, "a link to nowhere"]),
    "config, a folder": (replaced(CONFIG, Path.mkdir), [CONFIG, "it is a folder"]),
    "config, a pipe": (replaced(CONFIG, os.mkfifo), [CONFIG, "it is no regular file"]),
    "config, a device": (replaced(CONFIG, lambda path: path.symlink_to("/dev/zero")), [CONFIG, "no regular file"]),
    "generation, dangling": (replaced(GENERATION, dangling), [GENERATION, "a link to nowhere"]),
    "tokenizer, looping": (replaced("tokenizer.json", looping), ["tokenizer.json", "Too many levels"]),
    "tokenizer config, dangling": (replaced(TOKENIZER, dangling), [TOKENIZER, "a link to nowhere"]),
    "licence, dangling": (lambda model: dangling(model / "LICENSE"), ["LICENSE", "a link to nowhere"]),
    "licence, a pipe": (lambda model: os.mkfifo(model / "LICENSE"), ["LICENSE", "it is no regular file"]),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_checkpoints(name: str, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    spoil, named = BAD[name]
    spoil(model)
    error = one_line(capsys, ["package", "--model", model, "--out", tmp_path / "out", "--quiet"], 3)
    for words in named:
        assert words in error
    assert os.listdir(tmp_path) == ["in"]


@pytest.mark.parametrize("value", [None, {"quant_method": None}])
def test_a_quantization_of_null_is_none(value: Any, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    entry(CONFIG, "quantization_config", value)(model)
    argv = ["quantize", "--model", model, "--out", tmp_path / "out", "--quiet"]
    if value is None:
        assert main([str(word) for word in argv]) == 0
    else:
        assert "already quantised (unknown)" in one_line(capsys, argv, 3)


DESCRIBED: dict[str, tuple[str, bytes, list[str]]] = {
    "provenance, base": ("--provenance", b'{"base": 5}', ["base must be a text"]),
    "provenance, stages": ("--provenance", b'{"stages": "first"}', ["stages must be a list of texts"]),
    "provenance, numbers": ("--provenance", b'{"data": [1]}', ["data must be a list of texts"]),
    "provenance, deep": ("--provenance", b"[" * 9999, ["nested too deeply"]),
    "evaluation, foreign": ("--evaluation", b'{"benchmark": "b"}', ["is not valid under any of the given schemas"]),
    "evaluation, NaN": ("--evaluation", b'{"benchmark": NaN}', ["NaN is no number"]),
    "template, not UTF-8": ("--chat-template", b"\xff", ["is not UTF-8 text"]),
    "template, empty": ("--chat-template", b"", ["the file is empty"]),
}


@pytest.mark.parametrize("name", DESCRIBED)
def test_bad_descriptions(name: str, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    option, data, named = DESCRIBED[name]
    (tmp_path / "in" / "given").write_bytes(data)
    argv = ["package", "--model", model, "--out", tmp_path / "out", "--quiet", option]
    error = one_line(capsys, [*argv, tmp_path / "in" / "given"], 3)
    for words in ([] if "empty" in name else ["given"]) + named:
        assert words in error
    assert "is missing" in one_line(capsys, [*argv, tmp_path / "in" / "absent"], 3)
    assert "it is a folder" in one_line(capsys, [*argv, tmp_path / "in"], 3)
    assert os.listdir(tmp_path) == ["in"]


@pytest.mark.parametrize(
    "option",
    ["--title-zh", "--title-en", "--licence", "--base", "--reviewer", "--notice-zh", "--notice-en", "--system-prompt"],
)
def test_texts_that_are_not_utf_8(option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    for text in ("\udcff", ""):
        with pytest.raises(SystemExit) as end:
            main(["package", "--model", "m", "--out", str(tmp_path / "out"), option, text])
        assert end.value.code == 2
        assert f"argument {option}: " in capsys.readouterr().err


@pytest.mark.parametrize("command", ["package", "quantize", "compile"])
@pytest.mark.parametrize("place", ["/proc/x", "/proc/deep/x", "NOTICE/x", "NOTICE/deep/x", "/dev/null/x"])
def test_places_that_cannot_be_written(
    command: str, place: str, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "NOTICE").write_text("x")
    suffix = ".wasm" if command == "compile" else ""
    out = tmp_path / f"{place}{suffix}"
    error = one_line(capsys, [command, "--model", model, "--out", out, "--quiet"], 4)
    assert str(out.parents[-2] if place.startswith("/") else tmp_path / "NOTICE") in error
    assert "[Errno" not in error
    assert sorted(os.listdir(tmp_path)) == ["NOTICE", "in"]


STAGE = {
    "format": "hypnos-stage/1",
    "fingerprint": "f",
    "finished": "t",
    "seconds": 1.5,
    "attempts": ["t"],
    "counts": {"records": 1},
    "outputs": [{"path": "a", "bytes": 1, "sha256": "x"}],
}


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"outputs": None}, "outputs must be a list of objects"),
        ({"outputs": {}}, "outputs must be a list of objects"),
        ({"outputs": [1]}, "outputs must be a list of objects"),
        ({"outputs": [{"path": 1}]}, "outputs/0: path must be a text"),
        ({"outputs": [{"path": "../a", "bytes": 1, "sha256": "x"}]}, "a path inside the stage's folder"),
        ({"outputs": [{"path": "a", "bytes": 1.5, "sha256": "x"}]}, "outputs/0: bytes must be an integer"),
        ({"seconds": "long"}, "seconds must be a number"),
        ({"attempts": 3}, "attempts must be a list of texts"),
        ({"counts": [1]}, "counts must be an object"),
        ({"finished": None}, "finished must be a text"),
        ({"format": ["x"]}, "format must be 'hypnos-stage/1'"),
    ],
)
def test_inspect_of_a_foreign_stage(
    changes: dict[str, Any], problem: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "stage.json").write_text(json.dumps({**STAGE, **changes}))
    for more in ([], ["--json"]):
        assert main(["inspect", str(tmp_path), *more]) == 0
        assert f"stage.json: {problem}" in capsys.readouterr().out.replace("outputs/0: path must be a path", "a path")


REPLY = {"prompt_tokens": 1, "completion_tokens": 2, "cost": 0.5}


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b"[]", "ledger.jsonl:1: expected a JSON object"),
        (b"{}", "ledger.jsonl: object 1: endpoint must be a text"),
        (b'{"endpoint": ["a"], "event": "fault"}', "object 1: endpoint must be a text"),
        (b'{"endpoint": "a"}', "object 1: event must be a text"),
        (b'{"endpoint": "a", "event": "reply"}', "object 1: reply must be an object, found nothing"),
        (b'{"endpoint": "a", "event": "reply", "reply": {}}', "reply: prompt_tokens must be an integer"),
        (json.dumps({"endpoint": "a", "event": "reply", "reply": {**REPLY, "cost": "x"}}).encode(), "cost must be"),
        (b'{"endpoint": "\xff"}', "ledger.jsonl is not UTF-8 text"),
        (b"[" * 9999, "ledger.jsonl:1: not JSON: nested too deeply"),
        (b"9" * 5000, "ledger.jsonl:1: not JSON: Exceeds the limit"),
    ],
)
def test_inspect_of_a_foreign_ledger(line: bytes, problem: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "ledger.jsonl").write_bytes(line + b"\n")
    assert problem in one_line(capsys, ["inspect", tmp_path], 3)


def test_inspect_of_unreadable_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "ledger.jsonl").symlink_to("nowhere")
    assert "ledger.jsonl cannot be read: it is a link to nowhere" in one_line(capsys, ["inspect", tmp_path], 3)
    (tmp_path / "loop").symlink_to("loop")
    assert "loop" in one_line(capsys, ["inspect", tmp_path / "loop"], 3)


def run(*argv: object, **options: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "hypnos_convert", *map(str, argv)]
    return subprocess.run(command, cwd=PIPELINE, stderr=subprocess.PIPE, text=True, check=False, **options)


def test_a_result_that_cannot_be_printed_is_told(tmp_path: Path):
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "stage.json").write_text(json.dumps(STAGE))
    with open("/dev/full", "w") as full:
        done = run("inspect", tmp_path, stdout=full)
    assert (done.returncode, done.stderr) == (4, "error: the result cannot be written: No space left on device\n")


def test_quiet_is_quiet(model: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    capfd.readouterr()
    assert main(["compile", "--model", str(model), "--out", str(tmp_path / "x.wasm"), "--quiet"]) == 0
    assert capfd.readouterr() == ("", "")
    assert sorted(os.listdir(tmp_path)) == ["in", "x.wasm"]


PAUSED = """
import sys
from hypnos_convert.__main__ import main
def pause(event, args):
    if event == "os.rename" and str(args[1]).endswith(sys.argv[1]):
        print("paused", flush=True)
        sys.stdin.readline()
sys.addaudithook(pause)
sys.exit(main(sys.argv[2:]))
"""


def terminated_at(waited_for: str, argv: Sequence[object]) -> str:
    """Send SIGTERM to a command that stands before renaming something to that name; returns what it says."""
    process = subprocess.Popen(
        [sys.executable, "-c", PAUSED, waited_for, *map(str, argv)],
        cwd=PIPELINE,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "paused\n"
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate()
    assert process.returncode == 143
    return errors


@pytest.mark.parametrize("command", ["quantize", "compile"])
def test_sigterm_leaves_what_can_go_on_and_no_strays(command: str, model: Path, tmp_path: Path):
    out = tmp_path / ("x.wasm" if command == "compile" else "x")
    waited_for = "x.wasm" if command == "compile" else "tensor-cache.json"
    argv = [command, "--model", model, "--out", out, "--quiet"]
    errors = terminated_at(waited_for, argv)
    assert errors == "ended by a signal; the same command goes on where it stopped\n"
    left = [] if command == "compile" else [".x.partial", ".x.partial.journal"]
    assert sorted(os.listdir(tmp_path)) == [*left, "in"]
    if command == "quantize":
        assert main([str(word) for word in argv]) == 0
        assert sorted(os.listdir(tmp_path)) == ["in", "x"]


def test_sigterm_while_signing_leaves_nothing(tmp_path: Path):
    from test_index import add

    package = add(tmp_path, "package", "tiny")
    command = ["sign", package, "--key", tmp_path / "key.pem", "--new-key"]
    terminated_at("hypnos-package.sig", command)
    assert os.listdir(tmp_path) == ["package"]
    assert not (package / "hypnos-package.sig").exists()
