"""Train a small Qwen2-shaped model from scratch on the CPU.

Two passes over one model, both in fp32 with AdamW. The language-model pass packs passages and chats into full sequences
and learns every token. The instruction pass takes chats one by one, padded, and learns answers only, their openings
weighted: once answers are known by heart, a small model's loss is low although it picks the wrong answer, because which
answer it is shows in its first few tokens alone.

AdamW and not `torch.optim.Muon`: that one orthogonalises in bfloat16, which a CPU emulates; measured here, it costs
more than the forward and backward pass together. A checkpoint is written every few minutes and the run resumes from
it; the Hugging Face folder appears only when training is done.
"""

import argparse
import json
import math
import random
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch.nn.functional import cross_entropy
from tqdm import tqdm
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

from .records import InstructionRecord, TrainingData, read_training_data
from .tokenizer import END_OF_TEXT, TURN_END, TURN_START, save_tokenizer, train_tokenizer

IGNORED = -100
OPENING_TOKENS = 10
OPENING_WEIGHT = 5.0
SYSTEM_PROMPTS = (
    "你是 Hypnos，一个中文麻醉学语言模型。",
    "你是 Hypnos，麻醉学语言模型。请用中文准确、简洁地回答。",
    "你是麻醉学助手。",
)


@dataclass(frozen=True)
class ScratchConfig:
    """Shapes in units of the model; `steps` of `batch` sequences of `length` tokens each."""

    vocabulary: int = 6144
    width: int = 256
    feed_forward: int = 768
    layers: int = 6
    heads: int = 4
    key_value_heads: int = 2
    length: int = 512
    batch: int = 1
    steps: int = 4000
    language_model_share: float = 0.4
    learning_rate: float = 1.5e-3
    seed: int = 0


def chat_tokens(
    tokenizer: PreTrainedTokenizerFast, turns: list[tuple[str, str]], system: str | None
) -> tuple[list[int], list[int]]:
    """Token ids of a ChatML chat and its labels: answers with their end mark, everything else IGNORED."""
    ids: list[int] = []
    labels: list[int] = []

    def add(text: str, learned: bool) -> None:
        piece = tokenizer.encode(text, add_special_tokens=False)
        ids.extend(piece)
        labels.extend(piece if learned else [IGNORED] * len(piece))

    if system is not None:
        add(f"{TURN_START}system\n{system}{TURN_END}\n", False)
    for question, answer in turns:
        add(f"{TURN_START}user\n{question}{TURN_END}\n{TURN_START}assistant\n", False)
        add(f"{answer}{TURN_END}", True)
        add("\n", False)
    add(END_OF_TEXT, False)
    return ids, labels


Chat = tuple[list[int], list[int]]
"""Token ids, and the same with IGNORED where nothing is learned."""


@dataclass(frozen=True)
class Batch:
    """tokens and labels int64, weights float32, all of shape (sequences, tokens)."""

    tokens: torch.Tensor
    labels: torch.Tensor
    weights: torch.Tensor


class Batches:
    """Batches of chats and passages; reshuffled every epoch."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast, data: TrainingData, config: ScratchConfig):
        self.tokenizer, self.data, self.config = tokenizer, data, config
        self.random = random.Random(config.seed)

    def _chats(self) -> list[Chat]:
        records = list(self.data.instructions)
        self.random.shuffle(records)
        chats, position = [], 0
        while position < len(records):
            # Some are conversations of two or three turns, so that a follow-up question is nothing new.
            turns = self.random.choices((1, 2, 3), weights=(10, 2, 1))[0]
            group: list[InstructionRecord] = records[position : position + turns]
            position += turns
            system = self.random.choice(SYSTEM_PROMPTS) if self.random.random() < 0.25 else None
            chats.append(chat_tokens(self.tokenizer, [(r.instruction, r.output) for r in group], system))
        return chats

    def _passages(self) -> list[Chat]:
        texts = [f"{p.title}\n{p.text}{END_OF_TEXT}" for p in self.data.passages]
        return [(ids, list(ids)) for ids in (self.tokenizer.encode(t, add_special_tokens=False) for t in texts)]

    def language_model_batches(self) -> Iterator[Batch]:
        """Endless full sequences of shape (batch, length); every token is learned alike."""
        size = self.config.batch * self.config.length
        ids: list[int] = []
        while True:
            documents = self._chats() + self._passages()
            self.random.shuffle(documents)
            for document, _ in documents:
                ids.extend(document)
                while len(ids) >= size:
                    tokens = torch.tensor(ids[:size]).view(self.config.batch, self.config.length)
                    yield Batch(tokens, tokens, torch.ones(tokens.shape))
                    del ids[:size]

    def instruction_batches(self) -> Iterator[Batch]:
        """Endless batches of whole chats, padded to the longest, together about batch * length tokens."""
        budget = self.config.batch * self.config.length
        while True:
            chats = self._chats()
            # Chats of like length share a batch: little padding, and still another mix every epoch.
            chats.sort(key=lambda chat: len(chat[0]) + self.random.uniform(0, 24))
            groups: list[list[Chat]] = [[]]
            for chat in chats:
                longest = max(len(chat[0]), *(len(other[0]) for other in groups[-1]), 0)
                if groups[-1] and longest * (len(groups[-1]) + 1) > budget:
                    groups.append([])
                groups[-1].append(chat)
            self.random.shuffle(groups)
            yield from (self._padded(group) for group in groups)

    def _padded(self, group: list[Chat]) -> Batch:
        shape = (len(group), max(len(ids) for ids, _ in group))
        tokens = torch.full(shape, self.tokenizer.convert_tokens_to_ids(END_OF_TEXT))
        labels = torch.full(shape, IGNORED)
        weights = torch.zeros(shape)
        for row, (ids, learned) in enumerate(group):
            tokens[row, : len(ids)] = torch.tensor(ids)
            labels[row, : len(ids)] = torch.tensor(learned)
            position = 0
            for column, label in enumerate(learned):
                position = 0 if label == IGNORED else position + 1
                if position:
                    weights[row, column] = OPENING_WEIGHT if position <= OPENING_TOKENS else 1.0
        return Batch(tokens, labels, weights)


def weighted_loss(model: Qwen2ForCausalLM, batch: Batch) -> torch.Tensor:
    """Mean cross entropy of next tokens, nats per weighted token."""
    logits = model(input_ids=batch.tokens).logits[:, :-1]
    losses = cross_entropy(logits.flatten(0, 1), batch.labels[:, 1:].flatten(), ignore_index=IGNORED, reduction="none")
    weights = batch.weights[:, 1:].flatten()
    return (losses * weights).sum() / weights.sum()


def build_model(config: ScratchConfig, tokenizer: PreTrainedTokenizerFast) -> Qwen2ForCausalLM:
    """Random weights of the configured shape; embeddings tied."""
    torch.manual_seed(config.seed)
    return Qwen2ForCausalLM(
        Qwen2Config(
            vocab_size=len(tokenizer),
            hidden_size=config.width,
            intermediate_size=config.feed_forward,
            num_hidden_layers=config.layers,
            num_attention_heads=config.heads,
            num_key_value_heads=config.key_value_heads,
            max_position_embeddings=2048,
            tie_word_embeddings=True,
            bos_token_id=None,
            eos_token_id=tokenizer.convert_tokens_to_ids(TURN_END),
            pad_token_id=tokenizer.convert_tokens_to_ids(END_OF_TEXT),
            dtype="float32",
        )
    )


def learning_rate_share(step: int, steps: int) -> float:
    """Linear warm-up over 2% of the steps, then a cosine down to 2% of the peak."""
    warm_up = max(1, steps // 50)
    if step < warm_up:
        return (step + 1) / warm_up
    return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * (step - warm_up) / max(1, steps - warm_up)))


def train(data_folder: Path, output: Path, config: ScratchConfig) -> dict[str, object]:
    """Train and write `output` as a Hugging Face folder; returns what the model card tells.

    A run that was killed goes on from `output`.partial. Raises RecordError for malformed data.
    """
    if output.exists():
        raise FileExistsError(f"{output} exists: choose another folder or remove it")
    data = read_training_data(data_folder)
    work = output.with_name(output.name + ".partial")
    work.mkdir(parents=True, exist_ok=True)
    texts = [text for r in data.instructions for text in (r.instruction, r.output)]
    texts += [text for p in data.passages for text in (p.title, p.text)]
    if not (work / "tokenizer.json").exists():
        save_tokenizer(train_tokenizer(texts, config.vocabulary), work)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(work)
    model = build_model(config, tokenizer)
    decayed = [p for p in model.parameters() if p.ndim == 2]
    others = [p for p in model.parameters() if p.ndim != 2]
    groups = [{"params": decayed, "weight_decay": 0.05}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=config.learning_rate, betas=(0.9, 0.95), fused=True)

    first_step, losses = 0, []
    checkpoint = work / "checkpoint.safetensors"
    if checkpoint.exists():
        state = json.loads((work / "checkpoint.json").read_text())
        model.load_state_dict(load_file(checkpoint), strict=False)
        model.tie_weights()
        first_step, losses = state["step"], state["losses"]

    batches = Batches(tokenizer, data, config)
    language_model_steps = int(config.steps * config.language_model_share)
    language_model, instruction = batches.language_model_batches(), batches.instruction_batches()
    started, saved = time.monotonic(), time.monotonic()
    model.train()
    progress = tqdm(range(first_step, config.steps), initial=first_step, total=config.steps, unit="step")
    for step in progress:
        loss = weighted_loss(model, next(language_model if step < language_model_steps else instruction))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for group in optimizer.param_groups:
            group["lr"] = config.learning_rate * learning_rate_share(step, config.steps)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        losses.append(round(loss.item(), 4))
        if step % 20 == 0:
            progress.set_postfix(loss=sum(losses[-20:]) / len(losses[-20:]))
        if time.monotonic() - saved > 180:
            save_file({n: p.detach().clone() for n, p in model.named_parameters()}, checkpoint.with_suffix(".new"))
            checkpoint.with_suffix(".new").replace(checkpoint)
            (work / "checkpoint.json").write_text(json.dumps({"step": step + 1, "losses": losses}))
            saved = time.monotonic()

    facts: dict[str, object] = {
        "parameters": sum(p.numel() for p in model.parameters()),
        "config": asdict(config),
        "records": {"anaesthesia": len(data.anaesthesia), "general": len(data.general), "passages": len(data.passages)},
        "seconds": round(time.monotonic() - started),
        "final_weighted_loss_on_answers": round(sum(losses[-50:]) / len(losses[-50:]), 3),
    }
    model.eval().save_pretrained(work)
    (work / "training.json").write_text(json.dumps({**facts, "losses": losses}, ensure_ascii=False))
    for leftover in (checkpoint, work / "checkpoint.json"):
        leftover.unlink(missing_ok=True)
    work.rename(output)
    return facts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with anaesthesia/, general/, passages/")
    parser.add_argument("--out", type=Path, required=True, help="Hugging Face folder to make")
    for name in ("steps", "layers", "width", "feed_forward", "vocabulary", "batch", "length"):
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=getattr(ScratchConfig, name))
    arguments = vars(parser.parse_args())
    facts = train(arguments.pop("data"), arguments.pop("out"), ScratchConfig(**arguments))
    print(json.dumps(facts, ensure_ascii=False, indent=1))


if __name__ == "__main__":
    main()
