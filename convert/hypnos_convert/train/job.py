"""What the process that trains is told, and how it is started.

Training runs in a process of its own, or in several under accelerate: memory is returned when it ends, and a process
killed for lack of memory does not take the pipeline with it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from ..config import Phase
from ..errors import ConvertError, InputError
from .memory import ResourceError

PARENT = "HYPNOS_PARENT"
"""Environment variable: the process whose end must end the training, too."""

_KEEP_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(1 << 30), "MALLOC_TRIM_THRESHOLD_": str(1 << 31)}
"""glibc else gives every large tensor back to the system and takes it again: a fifth of a step on a CPU."""


class Job(BaseModel):
    """Paths of a phase's inputs (``model``; ``train`` and ``heldout``: JSONL of input_ids and labels) and outputs."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    phase: Phase
    model: Path
    train: Path
    heldout: Path
    work: Path
    out: Path
    length: int
    packing: bool
    precision: str
    gradient_checkpointing: bool
    seed: int


class TrainingError(ConvertError):
    """The training process failed; its log says more."""

    exit_code = 1


def launch(job: Job, file: Path, accelerate: Path | None) -> None:
    """Run a job to its end; what it prints goes to ``train.log`` in its work folder and to the terminal.

    Args:
        accelerate: configuration for several processes or machines; none is one process.

    Raises:
        InputError: the job refused its inputs.
        ResourceError: too little memory.
        TrainingError: anything else.
    """
    file.write_text(job.model_dump_json(indent=1), encoding="utf-8")
    command = [sys.executable, "-m"]
    if accelerate is not None:
        if not accelerate.is_file():
            raise InputError(f"train.accelerate: {accelerate} does not exist")
        command += ["accelerate.commands.launch", "--config_file", str(accelerate), "-m"]
    command += ["hypnos_convert.train.worker", str(file)]
    package_root = str(Path(__file__).parents[2])
    environment = {
        **_KEEP_MEMORY,
        **os.environ,
        PARENT: str(os.getpid()),
        "PYTHONPATH": os.pathsep.join(filter(None, (package_root, os.environ.get("PYTHONPATH")))),
    }
    log = job.work / "train.log"
    with open(log, "ab") as output:
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            assert process.stdout is not None
            while chunk := os.read(process.stdout.fileno(), 4096):
                output.write(chunk)
                output.flush()
                if sys.stderr.isatty():
                    sys.stderr.buffer.write(chunk)
                    sys.stderr.flush()
            code = process.wait()
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
    if code:
        raise _error(code, log)


def _error(code: int, log: Path) -> ConvertError:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    said = next((line.removeprefix("error: ") for line in reversed(lines) if line.startswith("error: ")), "")
    if code in (-signal.SIGKILL, 128 + signal.SIGKILL):
        return ResourceError(
            "the training process was killed, most likely for lack of memory; lower batch or length, or set "
            f"gradient_checkpointing, and run the same command: it goes on from the last checkpoint ({log})"
        )
    if code == ResourceError.exit_code or "not enough memory" in said:
        return ResourceError(said)
    if code == InputError.exit_code and said:
        return InputError(said)
    return TrainingError(f"training failed with exit code {code}: {said or (lines or ['no output'])[-1]} ({log})")
