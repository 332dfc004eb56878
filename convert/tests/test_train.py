"""Fine-tuning: what is learned token by token, mixtures, packing, exact resume, merging, several processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset
from safetensors.torch import load_file
from tiny import tiny_checkpoint
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM
from trl.data_utils import pack_dataset
from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

from hypnos_convert.config import Phase, RunConfig
from hypnos_convert.errors import InputError
from hypnos_convert.progress import Progress
from hypnos_convert.runs import StageWork
from hypnos_convert.train.chat import IGNORED, ChatEncoder, Example, open_tokenizer
from hypnos_convert.train.job import Job, TrainingError, _error, launch
from hypnos_convert.train.merge import merge_adapter
from hypnos_convert.train.mixture import mix, read_examples
from hypnos_convert.train.phases import train_phases
from hypnos_convert.train.worker import last_checkpoint, train

CONVERT = Path(__file__).parents[1]
SHAPE = {"hidden_size": 64, "intermediate_size": 96, "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 64}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_checkpoint(tmp_path_factory.mktemp("base") / "base", "qwen2", **SHAPE)


def learned(encoder: ChatEncoder, example: Example) -> tuple[str, str]:
    """The texts of the tokens that are not learned and of those that are."""
    encoded = encoder.encode(example)
    pairs = list(zip(encoded["input_ids"], encoded["labels"], strict=True))
    assert all(label in (IGNORED, id) for id, label in pairs)
    marks = [label != IGNORED for _, label in pairs]
    first, last = marks.index(True), len(marks) - marks[::-1].index(True)
    assert all(marks[first:last]), "one unbroken run of tokens is learned"
    decode = encoder.tokenizer.decode
    return decode([id for id, label in pairs if label == IGNORED]), decode([id for id, label in pairs if label >= 0])


EXAMPLES = [
    Example("a", "丙泊酚诱导剂量？", "1.5～2.5 mg/kg，老年人减量。"),
    Example("b", "答：什么是 MAC？", "答：什么是 MAC？"),  # The answer repeats the question.
    Example("c", "写出标记", "<不是标记>\n\n第二段 \U0001f489"),
]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.id)
@pytest.mark.parametrize("system", [None, "你是麻醉学助手。"])
def test_only_the_answer_and_its_end_mark_are_learned(base: Path, example: Example, system: str | None) -> None:
    encoder = ChatEncoder(open_tokenizer(base), system)
    ignored, answer = learned(encoder, example)
    assert answer == example.answer + "<|im_end|>"
    assert ignored == encoder.prompt(example.question) + "\n"


def test_a_template_that_ends_with_a_plain_token_is_refused(base: Path, tmp_path: Path) -> None:
    def encoder(template: str) -> ChatEncoder:
        (tmp_path / "t.jinja").write_text(template)
        return ChatEncoder(open_tokenizer(base, tmp_path / "t.jinja"))

    messages = "{% for m in messages %}{{ m['role'] + ':\\n' + m['content'] + 'END' }}{% endfor %}"
    with pytest.raises(InputError, match="no special token"):
        encoder(messages.replace("END", "\\n") + "{% if add_generation_prompt %}{{ 'assistant:\\n' }}{% endif %}")
    with pytest.raises(InputError, match="does not write answers where"):
        encoder(messages.replace("END", "<|im_end|>") + "{% if add_generation_prompt %}{{ 'bot:' }}{% endif %}")
    with pytest.raises(InputError, match=r"the chat template fails: no such role"):
        encoder("{{ raise_exception('no such role') }}")
    ignored, answer = learned(
        encoder(
            messages.replace("END", "<|im_end|>") + "{% if add_generation_prompt %}{{ 'assistant:\\n' }}{% endif %}"
        ),
        EXAMPLES[0],
    )
    assert ignored.endswith("assistant:\n") and answer == EXAMPLES[0].answer + "<|im_end|>"


def test_a_base_without_chat_template_or_config_is_named(tmp_path: Path) -> None:
    model = tiny_checkpoint(tmp_path / "m", "qwen2", chat_template=None, **SHAPE)
    with pytest.raises(InputError, match=r"has no chat template; name a Jinja file in train.chat_template"):
        open_tokenizer(model)
    with pytest.raises(InputError, match=r"no config.json"):
        open_tokenizer(tmp_path)


def write_records(path: Path, kind: str, count: int, wordings: int = 3) -> Path:
    """Records whose answers are shared by several wordings."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        for number in range(count):
            for wording in range(wordings):
                record = {
                    "id": f"{kind}-{number}-{wording}",
                    "instruction": f"{kind} {number}，问法 {wording}？",
                    "output": f"{kind} {number} 的答案：恶性高热首选丹曲林。"[: 12 + number % 9],
                }
                file.write(json.dumps(record, ensure_ascii=False) + "\n")
    return path


def phase(path: Path, **changes: Any) -> Phase:
    return Phase.model_validate(
        {
            "name": "one", "data": [{"path": path}], "learning_rate": 5e-3, "epochs": 2, "batch": 2, "accumulate": 1,
            "heldout_share": 0.25, "evaluate_every": 4, "lora": {"rank": 4, "alpha": 8, "dropout": 0.1}, **changes,
        }
    )  # fmt: skip


def test_held_out_answers_are_in_no_training_record(tmp_path: Path) -> None:
    general = write_records(tmp_path / "general.jsonl", "gen", 60)
    special = write_records(tmp_path / "special.jsonl", "ane", 60)
    first = mix(phase(general, heldout_share=0.2), None, seed=1)
    replay = [{"path": str(special), "weight": 2.5}, {"path": str(general), "weight": 0.3}]
    second = mix(phase(special, data=replay, heldout_share=0.2), None, seed=1)
    assert not {e.answer for e in second.heldout} & {e.answer for e in second.train}
    # What the first phase held out is not replayed by the second.
    assert not {e.answer for e in first.heldout} & {e.answer for e in second.train}
    times = [second.train.count(example) for example in read_examples(special)]
    assert set(times) == {0, 2, 3}
    seen = [count for count in times if count]
    assert 2.3 < sum(seen) / len(seen) < 2.7
    replayed = [example for example in second.train if example.id.startswith("gen")]
    assert 0.2 < len(replayed) / len(first.train) < 0.4 and len(set(replayed)) == len(replayed)
    assert mix(phase(special, data=replay, heldout_share=0.2), None, seed=1) == second
    assert mix(phase(special, data=replay, heldout_share=0.2), None, seed=2) != second


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "no records"),
        ('{"instruction": "问"}\n', "bad.jsonl: record 1: output"),
        ('{"instruction": "问", "output": "答"}\n{"instruction": 3, "output": "答"}\n', "record 2: instruction"),
        ('{"instruction": "问", "output": "答"}\n{"instruction": "问", "outp', "bad.jsonl:2: not JSON"),
        ('{"instruction": "问", "output": " "}\n', "record 1: output"),
    ],
)
def test_bad_records_name_file_and_field(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "bad.jsonl").write_text(content)
    with pytest.raises(InputError, match=message):
        read_examples(tmp_path)


def test_packed_chats_do_not_see_each_other(base: Path) -> None:
    encoder = ChatEncoder(open_tokenizer(base))
    rows = [encoder.encode(example) for example in EXAMPLES]
    packed = pack_dataset(Dataset.from_list(rows), 512, "bfd")
    assert len(packed) == 1
    collator = DataCollatorForLanguageModeling(pad_token_id=0, padding_free=True)
    batch = collator([packed[0]])
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32).train()
    with torch.no_grad():
        together = model(input_ids=batch["input_ids"], position_ids=batch["position_ids"], use_cache=False).logits[0]
        alone = [model(input_ids=torch.tensor([row["input_ids"]])).logits[0] for row in rows]
    order = sorted(range(3), key=lambda index: -len(rows[index]["input_ids"]))
    torch.testing.assert_close(together, torch.cat([alone[index] for index in order]), atol=1e-4, rtol=1e-4)


def job(base: Path, folder: Path, data: Path, **changes: Any) -> Job:
    folder.mkdir(parents=True)
    encoder = ChatEncoder(open_tokenizer(base))
    mixture = mix(phase(data), None, 0)
    for name in ("train", "heldout"):
        rows = [{"id": e.id, **encoder.encode(e)} for e in getattr(mixture, name)]
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return Job(
        phase=phase(data, **changes), model=base, train=folder / "train.jsonl", heldout=folder / "heldout.jsonl",
        work=folder, out=folder / "trained", length=128, packing=False, precision="fp32",
        gradient_checkpointing=False, seed=0,
    )  # fmt: skip


def curve(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "trained" / "curve.json").read_text())


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_records(tmp_path_factory.mktemp("data") / "records.jsonl", "ane", 12)


@pytest.fixture(scope="module")
def uninterrupted(base: Path, records: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole") / "phase"
    launch(job(base, folder, records), folder / "job.json", None)
    return folder


def test_a_killed_training_goes_on_with_the_same_losses(
    base: Path, records: Path, uninterrupted: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "phase"
    (folder.parent / "job.json").write_text(job(base, folder, records).model_dump_json())
    process = subprocess.Popen(
        [sys.executable, "-m", "hypnos_convert.train.worker", str(folder.parent / "job.json")],
        cwd=CONVERT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 240
    while last_checkpoint_exists(folder) is False:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not (folder / "trained" / "curve.json").exists()
    torn = folder / "checkpoints" / "checkpoint-9999"  # As a kill within the writing of a checkpoint leaves it.
    torn.mkdir()
    (torn / "trainer_state.json").write_text('{"global_step": 99')
    launch(job_in(folder), folder / "job.json", None)
    resumed, whole = curve(folder), curve(uninterrupted)
    assert [step for step, _ in resumed["train"]] == list(range(1, whole["steps"] + 1))
    assert resumed == whole
    ours, theirs = (load_file(f / "trained" / "adapter_model.safetensors") for f in (folder, uninterrupted))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def last_checkpoint_exists(folder: Path) -> bool:
    return any((folder / "checkpoints").glob("checkpoint-*/trainer_state.json"))


def job_in(folder: Path) -> Job:
    return Job.model_validate_json((folder.parent / "job.json").read_text())


def test_only_safetensors_are_left_and_torn_checkpoints_are_removed(uninterrupted: Path, tmp_path: Path) -> None:
    names = {path.name for path in (uninterrupted / "trained").iterdir()}
    assert "adapter_model.safetensors" in names
    assert not [name for name in names if name.endswith((".bin", ".pt", ".pth", ".pkl"))]
    (tmp_path / "checkpoint-4").mkdir()
    assert last_checkpoint(tmp_path) is None and not list(tmp_path.iterdir())


def test_merged_and_adapter_logits_agree_and_differ_from_the_base(base: Path, uninterrupted: Path) -> None:
    merged, moved = merge_adapter(base, uninterrupted / "trained")
    assert moved < 1e-4
    plain = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    probe = torch.tensor([[5, 6, 7, 8]])
    with torch.no_grad():
        difference = (merged(input_ids=probe).logits - plain(input_ids=probe).logits).abs().max()
    assert difference > 0.1, "training changed something"


def test_two_processes_share_the_work(base: Path, records: Path, uninterrupted: Path, tmp_path: Path) -> None:
    folder = tmp_path / "phase"
    launch(job(base, folder, records), folder / "job.json", CONVERT / "recipes" / "accelerate" / "cpu-2.yaml")
    both = curve(folder)
    assert both["steps"] == (curve(uninterrupted)["steps"] + 1) // 2
    assert both["final_heldout_loss"] < both["heldout"][0][1] + 1e-6 < 20
    assert (folder / "trained" / "adapter_model.safetensors").exists()


def test_phases_build_on_each_other_with_new_adapters_and_stop_early(base: Path, tmp_path: Path) -> None:
    general = write_records(tmp_path / "general.jsonl", "gen", 12, wordings=2)
    special = write_records(tmp_path / "special.jsonl", "ane", 12, wordings=2)
    one = phase(general, name="general", epochs=1).model_dump(mode="json")
    # So high a rate that the held-out loss must rise, and a full training to have both methods.
    two = phase(special, name="special", method="full", learning_rate=0.5, epochs=60, patience=1).model_dump(
        mode="json"
    )
    config = RunConfig.model_validate(
        {
            "name": "t",
            "train": {"base": base, "length": 128, "precision": "fp32", "phases": [one, two], "packing": True},
        }
    )
    work = StageWork(tmp_path / "work")
    work.folder.mkdir()
    train_phases(config, work, None, Progress(quiet=True))
    merged = load_file(work.folder / "1-general" / "merged" / "model.safetensors")
    start = load_file(base / "model.safetensors")
    assert any(not torch.equal(merged[name], start[name]) for name in start)
    assert json.loads((work.folder / "1-general" / "merged" / "config.json").read_text())["dtype"] == "float32"
    adapter = json.loads((work.folder / "1-general" / "trained" / "adapter_config.json").read_text())
    assert Path(adapter["base_model_name_or_path"]) == base
    assert (work.folder / "2-special" / "trained" / "model.safetensors").exists()
    curve = json.loads((work.folder / "2-special" / "trained" / "curve.json").read_text())
    assert curve["steps"] < 60 * 8, "stopped by the held-out loss"
    # The best weights were kept, not the last.
    assert curve["final_heldout_loss"] == pytest.approx(min(loss for _, loss in curve["heldout"]), rel=1e-3)
    assert (work.folder / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert not list(work.folder.rglob("*.bin")) and not list(work.folder.rglob("optimizer.pt"))
    assert work.counts["general"]["merge_logit_change"] < 1e-4


def test_a_conversation_learns_each_of_its_answers(base: Path) -> None:
    encoder = ChatEncoder(open_tokenizer(base), "你是麻醉学助手。")
    # The first answer occurs again in the second question, which is not learned for that.
    example = Example("a", "第二问：第一答。", "第二答。", earlier=(("第一问？", "第一答。"),))
    encoded = encoder.encode(example)
    text = encoder.tokenizer.decode([label for label in encoded["labels"] if label >= 0])
    assert text == "第一答。<|im_end|>第二答。<|im_end|>"


def test_openings_are_cut_and_language_model_passes_learn_everything(base: Path, tmp_path: Path) -> None:
    records = write_records(tmp_path / "r.jsonl", "ane", 40)
    for share, learn in ((0.5, "answers"), (1.0, "everything")):
        one = phase(records, method="full", opening_share=share, opening_tokens=2, learn=learn, epochs=0.1)
        train = {"base": base, "length": 128, "precision": "fp32", "phases": [one.model_dump(mode="json")]}
        work = StageWork(tmp_path / learn)
        work.folder.mkdir()
        train_phases(RunConfig.model_validate({"name": "t", "train": train}), work, None, Progress(quiet=True))
        rows = [json.loads(line) for line in (work.folder / "1-one" / "train.jsonl").read_text().splitlines()]
        heldout = [json.loads(line) for line in (work.folder / "1-one" / "heldout.jsonl").read_text().splitlines()]
        end = open_tokenizer(base).convert_tokens_to_ids("<|im_end|>")
        ends = {row["input_ids"].count(end) for row in heldout}
        assert len(ends) == 1, "nothing held out is cut"
        cut = [row for row in rows if row["input_ids"].count(end) < max(ends)]
        if learn == "answers":
            assert 0.3 < len(cut) / len(rows) < 0.7
            assert all(sum(label >= 0 for label in row["labels"]) == 2 for row in cut)
            assert all(sum(label >= 0 for label in row["labels"]) > 2 for row in rows if row not in cut)
        else:
            assert cut == rows and all(row["labels"] == row["input_ids"] for row in rows + heldout)


def test_characters_of_training_questions_are_left_out_and_of_no_others(tmp_path: Path) -> None:
    records = write_records(tmp_path / "r.jsonl", "ane", 60)
    source = [{"path": records, "weight": 20}]
    plain = mix(phase(records, data=source, heldout_share=0.1), None, seed=1)
    noisy = mix(phase(records, data=source, heldout_share=0.1, question_deletion=0.1), None, seed=1)
    assert noisy.heldout == plain.heldout
    assert [(e.id, e.answer) for e in noisy.train] == [(e.id, e.answer) for e in plain.train]
    pairs = [(a.question, b.question) for a, b in zip(plain.train, noisy.train, strict=True)]
    assert all(is_subsequence(short, whole) and short for whole, short in pairs)
    lost = 1 - sum(len(short) for _, short in pairs) / sum(len(whole) for whole, _ in pairs)
    assert 0.08 < lost < 0.12
    assert max(1 - len(short) / len(whole) for whole, short in pairs) > 0.2, "some lose more, some nothing"
    assert any(whole == short for whole, short in pairs)
    assert len({short for _, short in pairs}) > 4 * len({whole for whole, _ in pairs})
    again = mix(phase(records, data=source, heldout_share=0.1, question_deletion=0.1), None, seed=1)
    assert again == noisy, "a resumed run sees the same"


def is_subsequence(short: str, whole: str) -> bool:
    rest = iter(whole)
    return all(character in rest for character in short)


def test_wordings_can_be_held_out_while_their_answers_are_learned(tmp_path: Path) -> None:
    records = write_records(tmp_path / "r.jsonl", "ane", 60, wordings=6)
    held = mix(phase(records, hold_out="wordings", heldout_share=0.1, follow_share=0.4), None, seed=1)
    asked = [question for e in held.train for question in (e.question, *(q for q, _ in e.earlier))]
    assert held.heldout and not {e.question for e in held.heldout} & set(asked)
    assert {e.answer for e in held.heldout} <= {
        answer for e in held.train for answer in (e.answer, *dict(e.earlier).values())
    }
    # Every record is used once, some as an earlier turn of another.
    assert len(asked) == len(set(asked)) == 360 - len(held.heldout)
    assert sum(bool(e.earlier) for e in held.train) == round(0.4 * len(asked))


def test_a_model_from_scratch_has_its_own_tokenizer_and_learns(tmp_path: Path) -> None:
    records = write_records(tmp_path / "r.jsonl", "ane", 40)
    passages = tmp_path / "p.jsonl"
    passages.write_text(
        json.dumps({"title": "恶性高热", "text": "恶性高热由吸入麻醉药和琥珀胆碱诱发。"}, ensure_ascii=False) + "\n"
    )
    phases = [
        phase(records, name="language", method="full", learn="everything",
              data=[{"path": str(records)}, {"path": str(passages), "weight": 8}], hold_out="wordings", epochs=3),
        phase(records, name="answers", method="full", hold_out="wordings", epochs=6),
    ]  # fmt: skip
    scratch = {"vocabulary": 400, "width": 64, "feed_forward": 96, "layers": 2, "heads": 2, "key_value_heads": 1}
    train = {
        "scratch": scratch,
        "length": 128,
        "precision": "fp32",
        "phases": [p.model_dump(mode="json") for p in phases],
    }
    config = RunConfig.model_validate({"name": "t", "train": train})
    work = StageWork(tmp_path / "work")
    work.folder.mkdir()
    train_phases(config, work, None, Progress(quiet=True))
    tokenizer = open_tokenizer(work.folder / "0-scratch")
    # The file that packages carry decides, not the architecture's usual pre-tokenizer.
    raw = Tokenizer.from_file(str(work.folder / "0-scratch" / "tokenizer.json"))
    text = "恶性高热 2.5 mg/kg，首选丹曲林"
    assert tokenizer(text)["input_ids"] == raw.encode(text).ids
    losses = curve(work.folder / "2-answers")
    assert losses["final_heldout_loss"] < 0.5 * curve(work.folder / "1-language")["heldout"][0][1]
    assert not (work.folder / "0-scratch" / ".partial").exists() and losses["steps"] > 0
    lora = [phase(records).model_dump(mode="json")]
    with pytest.raises(ValueError, match=r"phases.0.method: random weights need full"):
        RunConfig.model_validate({"name": "t", "train": {**train, "phases": lora}})
    with pytest.raises(ValueError, match=r"either base or scratch"):
        RunConfig.model_validate({"name": "t", "train": {**train, "base": str(tmp_path)}})


def test_a_failing_trainer_says_so_in_one_line(base: Path, records: Path, tmp_path: Path) -> None:
    bad = job(base, tmp_path / "phase", records, lora={"targets": ["no_such_layer"]})
    with pytest.raises(ValueError, match="no_such_layer"):
        train(bad)
    log = tmp_path / "train.log"
    log.write_text("loading\nTraceback\nValueError: Target modules {'no_such_layer'} not found\n")
    error = _error(1, log)
    assert isinstance(error, TrainingError)
    assert str(error).startswith("training failed with exit code 1: ValueError: Target modules {'no_such_layer'}")
    with pytest.raises(InputError, match=r"train.accelerate: .*none.yaml does not exist"):
        launch(bad, tmp_path / "job.json", tmp_path / "none.yaml")
