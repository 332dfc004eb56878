"""``bench``: size and speed of compiled libraries, measured through web-llm in a real browser.

Without ``--package`` a random checkpoint of the reference shape (4 layers, width 256, vocabulary 4,096, Qwen2) is
packaged first. ``--compare`` measures another library over its own package in the same run, turn by turn, which is how
two versions, or this compiler and another, are compared on one machine.
"""

from __future__ import annotations

import argparse
import gzip
import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from .errors import InputError

SCRIPT = Path(__file__).with_name("bench.mjs")
SHAPE: dict[str, Any] = {
    "hidden_size": 256,
    "intermediate_size": 704,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 4096,
    "max_position_embeddings": 2048,
    "tie_word_embeddings": True,
}
CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--package", type=Path, metavar="DIR", help="a finished package (default: the reference shape)")
    parser.add_argument("--target", default="software", help="which of its libraries (default %(default)s)")
    parser.add_argument("--quantization", default="q4f32_1", help="of the reference shape (default %(default)s)")
    parser.add_argument("--tokens", type=int, default=32, metavar="N", help="tokens to decode (default %(default)s)")
    parser.add_argument("--repeat", type=int, default=3, metavar="N", help="fresh browsers each (default %(default)s)")
    parser.add_argument(
        "--compare",
        nargs=2,
        action="append",
        default=[],
        metavar=("WASM", "DIR"),
        help="also measure this library over the weights and configuration in DIR",
    )
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")


def run(args: argparse.Namespace) -> None:
    if args.tokens < 3 or args.repeat < 1:
        raise InputError("bench needs --tokens of at least 3 and --repeat of at least 1")
    if shutil.which("node") is None:
        raise InputError("bench drives a browser through Node.js, which is not on the PATH: install Node 20 or newer")
    with tempfile.TemporaryDirectory(prefix="hypnos-bench-") as scratch:
        package = args.package or reference_package(Path(scratch), args.quantization, args.target)
        subjects = [subject(package, args.target)]
        for wasm, folder in args.compare:
            subjects.append({"name": Path(wasm).name, "library": str(Path(wasm).resolve()), "folder": folder})
        for entry in subjects:
            entry["folder"] = str(Path(entry["folder"]).resolve())
        results = measure(subjects, args.tokens, args.repeat)
    print(json.dumps(results, indent=1) if args.json else report(results))


def subject(package: Path, target: str) -> dict[str, str]:
    """What bench.mjs needs to know of one package.

    Raises:
        InputError: no manifest, or no library for the target.
    """
    manifest = package / "hypnos-package.json"
    if not manifest.is_file():
        raise InputError(f"{package} is no finished package: it has no {manifest.name}")
    for library in json.loads(manifest.read_text())["libraries"]:
        if library["target"] == target:
            return {"name": library["path"], "library": str((package / library["path"]).resolve()), "folder": package}
    raise InputError(f"{package} has no library for {target!r}")


def measure(subjects: list[dict[str, str]], tokens: int, repeat: int) -> list[dict[str, Any]]:
    """Run bench.mjs; best figures of all rounds, sizes added.

    Raises:
        InputError: the browser run failed; the message ends with its output.
    """
    request = json.dumps({"packages": subjects, "tokens": tokens, "repeat": repeat})
    done = subprocess.run(["node", str(SCRIPT)], input=request, capture_output=True, text=True)
    if done.returncode != 0:
        raise InputError(f"the browser run failed:\n{(done.stdout + done.stderr)[-3000:]}")
    results = []
    for entry, measured in zip(subjects, json.loads(done.stdout), strict=True):
        content = Path(entry["library"]).read_bytes()
        results.append(
            {
                "library": entry["name"],
                "bytes": len(content),
                "gzip_bytes": len(gzip.compress(content, 9)),
                "shader_modules": measured["shaderModules"],
                "dispatches_per_token": measured["dispatchesPerToken"],
                "prompt_tokens": measured["promptTokens"],
                "cold_load_s": min(measured["coldLoadSeconds"]),
                "decode_tokens_per_s": max(measured["decodeTokensPerSecond"]),
                "prefill_tokens_per_s": max(measured["prefillTokensPerSecond"]),
            }
        )
    return results


def report(results: list[dict[str, Any]]) -> str:
    """A table, one column per library."""
    lines = [f"{'':24}" + "".join(f"{result['library'][-24:]:>26}" for result in results)]
    for key in [key for key in results[0] if key != "library"]:
        cells = (
            f"{result[key]:>26,.2f}" if isinstance(result[key], float) else f"{result[key]:>26,}" for result in results
        )
        lines.append(f"{key:24}" + "".join(cells))
    return "\n".join(lines)


def reference_package(scratch: Path, quantization: str, target: str) -> Path:
    """Package a random checkpoint of the reference shape."""
    import torch  # only here: importing it takes seconds
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

    from .__main__ import main

    checkpoint, package = scratch / "checkpoint", scratch / "reference"
    torch.manual_seed(0)
    Qwen2ForCausalLM(Qwen2Config(**SHAPE, bos_token_id=0, eos_token_id=2)).save_pretrained(checkpoint)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=4000, special_tokens=special, initial_alphabet=alphabet)
    tokenizer.train_from_iterator(["全身麻醉诱导期的循环管理", "椎管内麻醉的禁忌证"] * 50, trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|im_end|>", pad_token="<|endoftext|>")
    fast.chat_template = CHAT_TEMPLATE
    fast.save_pretrained(checkpoint)
    options = ["--quantization", quantization, "--context-window", "2048", "--prefill-chunk", "512", "--quiet"]
    command = ["package", "--model", str(checkpoint), "--out", str(package), "--targets", target, *options]
    if main(command) != 0:
        raise InputError("the reference package could not be made; see the message above")
    return package
