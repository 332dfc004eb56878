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
    parser.add_argument(
        "--traffic",
        action="store_true",
        help="also count the bytes that its kernels read per decoded token, against the least possible",
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
        results = measure(subjects, args.tokens, args.repeat, args.traffic)
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


def measure(subjects: list[dict[str, str]], tokens: int, repeat: int, traffic: bool = False) -> list[dict[str, Any]]:
    """Run bench.mjs; best figures of all rounds, sizes added.

    Raises:
        InputError: as ``run_browser``.
    """
    request = {"packages": subjects, "tokens": tokens, "repeat": repeat, "traffic": traffic}
    results = []
    for entry, measured in zip(subjects, run_browser(request), strict=True):
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
            | (traffic_figures(Path(entry["folder"]), measured["traffic"]) if "traffic" in measured else {})
        )
    return results


def count_traffic(package: Path, target: str) -> dict[str, Any]:
    """What the kernels of one library read per decoded token; see ``traffic_figures``.

    Raises:
        InputError: as ``subject`` and ``run_browser``.
    """
    entry = {**subject(package, target), "folder": str(package.resolve())}
    (counted,) = run_browser({"packages": [entry], "repeat": 0, "traffic": True})
    return traffic_figures(package, counted["traffic"])


def run_browser(request: dict[str, Any]) -> list[dict[str, Any]]:
    """bench.mjs' answer to a request; its first lines describe both.

    Raises:
        InputError: the browser run failed; the message ends with its output.
    """
    done = subprocess.run(["node", str(SCRIPT)], input=json.dumps(request), capture_output=True, text=True)
    if done.returncode != 0:
        raise InputError(f"the browser run failed:\n{(done.stdout + done.stderr)[-3000:]}")
    return json.loads(done.stdout)


def traffic_figures(package: Path, counted: dict[str, float]) -> dict[str, Any]:
    """Bytes read per decoded token beside the least possible: every matrix once, every cached key and value once.

    Of an embedding table that is not also the output layer, one row is read; the minimum leaves it out.
    """
    config = json.loads((package / "mlc-chat-config.json").read_text())["model_config"]
    cache = json.loads((package / "tensor-cache.json").read_text())
    tensors = [tensor for shard in cache["records"] for tensor in shard["records"]]
    tied = not any(tensor["name"].startswith("lm_head") for tensor in tensors)
    read = [t for t in tensors if tied or "embed_tokens" not in t["name"]]
    matrices = sum(tensor["nbytes"] for tensor in read if len(tensor["shape"]) == 2)
    # Bytes of an element of the cache, which holds the type that the library computes in.
    element = 2 if any(tensor["dtype"] == "float16" for tensor in tensors) else 4
    per_position = 2 * config["num_hidden_layers"] * config["num_key_value_heads"] * config["head_dim"] * element
    pages = per_position * counted["meanContextTokens"]
    return {
        "matrix_bytes_per_token": round(counted["matrices"]),
        "matrix_bytes_minimum": matrices,
        "kv_bytes_per_token": round(counted["pages"]),
        "kv_bytes_minimum": round(pages),
        "read_over_minimum": (counted["matrices"] + counted["pages"]) / (matrices + pages),
        "vector_bytes_per_token": round(counted["vectors"]),
    }


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
