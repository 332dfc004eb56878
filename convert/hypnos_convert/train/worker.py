"""``python -m hypnos_convert.train.worker JOB``: one phase of supervised fine-tuning with trl's SFTTrainer.

Started by ``job.launch``, under accelerate if there are several processes. It resumes from the last whole checkpoint,
with optimiser, schedule, random states and data order, so that its losses are those of a run that was never stopped.
What it leaves in ``out`` are weights as safetensors (an adapter, or a whole model), and ``curve.json`` with all losses.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import sys
import threading
import time
from pathlib import Path
from typing import Any

from ..errors import ConvertError
from .job import PARENT, Job
from .memory import memory_told


def last_checkpoint(folder: Path) -> Path | None:
    """The newest whole checkpoint; torn ones are removed.

    A checkpoint's ``trainer_state.json`` is written last, so one that is missing or torn marks a checkpoint as torn.
    """
    found: list[tuple[int, Path]] = []
    for path in folder.glob("checkpoint-*"):
        try:
            found.append((int(json.loads((path / "trainer_state.json").read_text())["global_step"]), path))
        except (OSError, ValueError, KeyError):
            shutil.rmtree(path, ignore_errors=True)
    return max(found)[1] if found else None


def train(job: Job) -> None:
    """Train until the end of the epochs, or until the held-out loss no longer falls.

    Raises:
        ResourceError: out of memory.
    """
    import torch
    from accelerate import PartialState
    from datasets import Dataset
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, AutoTokenizer, EarlyStoppingCallback
    from trl import SFTConfig, SFTTrainer

    state = PartialState(cpu=not torch.cuda.is_available())
    phase = job.phase
    lora = phase.method == "lora"
    # A LoRA base may lie in 16 bits, it does not change; weights that learn need 32.
    dtype = torch.bfloat16 if lora and job.precision == "bf16" else torch.float32
    model = AutoModelForCausalLM.from_pretrained(job.model, dtype=dtype, local_files_only=True)
    model.config.use_cache = False
    if lora:
        torch.manual_seed(job.seed)
        model = get_peft_model(
            model,
            LoraConfig(
                r=phase.lora.rank,
                lora_alpha=phase.lora.alpha,
                lora_dropout=phase.lora.dropout,
                target_modules=phase.lora.targets,
                modules_to_save=phase.lora.save_modules or None,
                task_type="CAUSAL_LM",
            ),
        )
    tokenizer = AutoTokenizer.from_pretrained(job.model, local_files_only=True)
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    with state.main_process_first():
        data = {
            name: Dataset.from_json(str(path), cache_dir=str(job.work / "cache"))
            for name, path in (("train", job.train), ("heldout", job.heldout))
        }
    checkpoints = job.work / "checkpoints"
    resume: Path | None = None
    if state.is_main_process:
        last_checkpoint(checkpoints)  # Clears away a torn one before anyone looks.
    state.wait_for_everyone()
    resume = last_checkpoint(checkpoints)
    trainer = SFTTrainer(
        model=model,
        processing_class=tokenizer,
        train_dataset=data["train"],
        eval_dataset=data["heldout"],
        args=SFTConfig(
            output_dir=str(checkpoints),
            max_length=job.length,
            packing=job.packing,
            pad_to_multiple_of=64,  # Few shapes: oneDNN makes a kernel for each, and keeps only so many.
            eval_packing=False,
            per_device_train_batch_size=phase.batch,
            per_device_eval_batch_size=phase.batch,
            gradient_accumulation_steps=phase.accumulate,
            num_train_epochs=phase.epochs,
            learning_rate=phase.learning_rate,
            lr_scheduler_type="cosine",
            warmup_steps=phase.warmup_share,
            weight_decay=phase.weight_decay,
            bf16=job.precision == "bf16",
            gradient_checkpointing=job.gradient_checkpointing,
            seed=job.seed,
            data_seed=job.seed,
            logging_steps=1 if phase.evaluate_every < 20 else phase.evaluate_every // 20,
            eval_strategy="steps",
            save_strategy="steps",
            eval_steps=phase.evaluate_every,
            save_steps=phase.evaluate_every,
            save_total_limit=2,
            load_best_model_at_end=True,
            metric_for_best_model="eval_loss",
            greater_is_better=False,
            restore_callback_states_from_checkpoint=True,
            report_to="none",
            dataloader_pin_memory=torch.cuda.is_available(),
            use_cpu=not torch.cuda.is_available(),
            disable_tqdm=not sys.stderr.isatty(),
        ),
        callbacks=[EarlyStoppingCallback(early_stopping_patience=phase.patience)],
    )
    trainer.train(resume_from_checkpoint=str(resume) if resume else None)
    # The best model is loaded now only if some held-out loss was measured; a run shorter than that keeps its last.
    final = trainer.evaluate()
    trainer.save_model(str(job.out))
    if state.is_main_process:
        _finish(job, trainer.state.log_history, final, trainer.state.global_step)
    state.wait_for_everyone()


def _finish(job: Job, history: list[dict[str, Any]], final: dict[str, float], steps: int) -> None:
    for stray in job.out.glob("*.bin"):
        stray.unlink()  # training_args.bin is a pickle, and nobody reads it.
    curve = {
        "train": [[entry["step"], entry["loss"]] for entry in history if "loss" in entry],
        "heldout": [[entry["step"], entry["eval_loss"]] for entry in history if "eval_loss" in entry],
        "steps": steps,
        "final_heldout_loss": final["eval_loss"],
    }
    temporary = job.out / "curve.json.tmp"
    temporary.write_text(json.dumps(curve), encoding="utf-8")
    temporary.replace(job.out / "curve.json")


def _end_with_parent() -> None:
    """End this process soon after the one that ordered it is gone: nobody would use its result."""
    parent = os.environ.get(PARENT)
    if parent is None:
        return

    def watch() -> None:
        while True:
            time.sleep(0.3)
            try:
                os.kill(int(parent), 0)
            except ProcessLookupError:
                os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def main() -> int:
    job = Job.model_validate_json(Path(sys.argv[1]).read_text(encoding="utf-8"))
    _end_with_parent()
    with open(job.work / ".lock", "w") as lock:
        if os.environ.get("RANK", "0") == "0":
            fcntl.flock(lock, fcntl.LOCK_EX)  # Waits until a worker whose parent was killed is gone.
        try:
            with memory_told("lower batch or length, or set gradient_checkpointing; checkpoints are kept"):
                train(job)
        except ConvertError as error:
            print(f"error: {error}", file=sys.stderr)
            return error.exit_code
        except OSError as error:
            print(f"error: {error}", file=sys.stderr)
            return 4
    return 0


if __name__ == "__main__":
    sys.exit(main())
