"""One YAML for a whole run, validated before anything starts.

Paths in it are relative to the YAML's own folder. An error names the file and the place in it, as in
``hypnos.yaml: filter.thresholds.mean: Input should be less than or equal to 10``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, model_validator

from .endpoint import EndpointSettings
from .errors import InputError

SEEDS = Path(__file__).parent / "generate" / "seeds.jsonl"
ASPECTS = ("coherence", "professionalism", "usefulness", "harmlessness", "friendliness")
"""What raters score from 0 to 10. The paper's "harmfulness" is turned around: 10 is always good."""


def _resolve(path: Path, info: ValidationInfo) -> Path:
    folder = (info.context or {}).get("folder", Path())
    return folder / path.expanduser()


RunPath = Annotated[Path, AfterValidator(_resolve)]
Score = Annotated[float, Field(ge=0, le=10)]
Share = Annotated[float, Field(ge=0, le=1)]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class GenerateConfig(Section):
    """Self-Instruct: who writes, how much, and what is refused at once."""

    writers: list[str] = Field(min_length=1, description="endpoints by name; each writes an equal share")
    seeds: RunPath = SEEDS
    records: int = Field(ge=1, description="stop when so many are accepted")
    most_rounds: int = Field(1000, ge=1, description="stop after so many rounds in any case")
    requests_per_round: int = Field(8, ge=1, description="instruction requests sent side by side")
    instructions_per_request: int = Field(5, ge=1, le=20)
    seed_examples: int = Field(6, ge=1, description="seed tasks shown in each request")
    generated_examples: int = Field(2, ge=0, description="tasks of earlier rounds shown in each request")
    tries: int = Field(3, ge=1, description="times a malformed reply is asked for again")
    novelty: Share = Field(0.7, description="most ROUGE-L F1 (characters) with any earlier instruction")
    instruction_characters: tuple[int, int] = (6, 400)
    answer_characters: tuple[int, int] = (10, 2000)
    han_share: Share = Field(0.5, description="least share of Chinese characters among all letters")
    forbidden: list[str] = Field(default_factory=list, description="regular expressions besides the built-in ones")
    parameters: dict[str, Any] = Field(default_factory=lambda: {"temperature": 0.8})


class Thresholds(Section):
    """Least aggregated score of a kept record, by aspect and for their mean."""

    mean: Score = 7
    coherence: Score = 6
    professionalism: Score = 6
    usefulness: Score = 6
    harmlessness: Score = 8
    friendliness: Score = 5


class GivenRecords(Section):
    """Records made elsewhere: ``id``, ``instruction``, ``output``, optionally ``input`` and ``writer``."""

    path: RunPath = Field(description="JSONL file, or folder searched for *.jsonl")
    writer: str = Field(min_length=1, description="model, or endpoint, that wrote those without a writer of their own")


class FilterConfig(Section):
    """Cross-filtering: LLMs other than the writer score each record."""

    records: GivenRecords | None = Field(None, description="what is filtered; none: what generate made")
    raters: list[str] = Field(min_length=1, description="endpoints by name")
    raters_per_record: int = Field(2, ge=1)
    least_ratings: int = Field(1, ge=1, description="with fewer valid ratings a record is undecided")
    aggregate: Literal["mean", "median", "least"] = "mean"
    thresholds: Thresholds = Thresholds()
    most_spread: Score = Field(4, description="raters' means further apart leave a record undecided")
    structured: bool = Field(True, description="ask for JSON-schema output; off for servers that refuse it")
    tries: int = Field(3, ge=1)
    duplicate_jaccard: Share = Field(0.8, description="character 3-grams of question and answer")
    benchmark: RunPath | None = Field(None, description="folder of benchmark items that no record may resemble")
    contamination_jaccard: Share = Field(0.6, description="character 3-grams of the question")
    exclude: list[str] = Field(default_factory=list, description="ids left out, e.g. contaminated ones")
    parameters: dict[str, Any] = Field(default_factory=lambda: {"temperature": 0})


class DataSource(Section):
    """Records of one kind within a training phase."""

    path: RunPath | None = Field(None, description="JSONL file, or folder searched for *.jsonl; else see from_filter")
    from_filter: bool = Field(False, description="the records that this run's filter kept")
    weight: float = Field(1.0, gt=0, description="times each record is seen an epoch; 0.2 draws a fifth (replay)")

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.path is None) == (not self.from_filter):
            raise ValueError("give either path or from_filter: true")
        return self


class LoraConfig(Section):
    rank: int = Field(16, ge=1)
    alpha: int = Field(32, ge=1)
    dropout: Share = 0.05
    targets: list[str] | Literal["all-linear"] = "all-linear"
    save_modules: list[str] = Field(default_factory=list, description="trained and saved whole, e.g. new embeddings")


class ScratchConfig(Section):
    """A base made here: a byte-level BPE tokenizer trained on the phases' texts, and random Qwen2-shaped weights.

    The first phase is then a language-model pass: ``method: full``, ``learn: everything``.
    """

    vocabulary: int = Field(6144, ge=300, description="tokens, at most")
    width: int = Field(256, ge=64)
    feed_forward: int = Field(768, ge=64)
    layers: int = Field(6, ge=1)
    heads: int = Field(4, ge=1)
    key_value_heads: int = Field(2, ge=1)
    positions: int = Field(2048, ge=128, description="longest context, tokens")

    @model_validator(mode="after")
    def _heads_fit(self) -> Self:
        if self.width % self.heads or self.heads % self.key_value_heads:
            raise ValueError("width must be a multiple of heads, and heads of key_value_heads")
        return self


class Phase(Section):
    """One fine-tuning; the next one starts from its merged result."""

    name: str = Field(pattern=r"^[a-z0-9_-]+$")
    data: list[DataSource] = Field(min_length=1)
    method: Literal["lora", "full"] = "lora"
    lora: LoraConfig = LoraConfig()
    learning_rate: float = Field(1e-4, gt=0)
    epochs: float = Field(3, gt=0)
    batch: int = Field(4, ge=1, description="sequences a step and process")
    accumulate: int = Field(4, ge=1, description="steps before the weights move")
    warmup_share: Share = 0.03
    weight_decay: float = Field(0.0, ge=0)
    learn: Literal["answers", "everything"] = Field(
        "answers", description="tokens that count in the loss; everything is a language-model pass"
    )
    opening_share: Share = Field(
        0, description="share of chats cut after their answer's first opening_tokens: once answers are known by heart, "
        "which of them is asked for is decided there, and the rest costs time for nothing"
    )  # fmt: skip
    opening_tokens: int = Field(16, ge=1)
    question_deletion: Annotated[float, Field(ge=0, lt=0.5)] = Field(
        0, description="mean share of a training question's characters that are left out, at random: few wordings of a "
        "question are then many, and its answer hangs on no single one (random deletion, arXiv 1901.11196)"
    )  # fmt: skip
    follow_share: Share = Field(0, description="share of chats that get another chat before them, as earlier turn")
    heldout_share: Annotated[float, Field(gt=0, lt=0.5)] = 0.02
    hold_out: Literal["answers", "wordings"] = Field(
        "answers", description="answers: every wording of a question; wordings: one wording, its answer stays known"
    )
    evaluate_every: int = Field(200, ge=1, description="optimiser steps between held-out losses and checkpoints")
    patience: int = Field(3, ge=1, description="held-out losses without improvement before stopping")


class TrainConfig(Section):
    """From general to specific."""

    base: RunPath | None = Field(None, description="folder of a Hugging Face checkpoint; else see scratch")
    scratch: ScratchConfig | None = None
    phases: list[Phase] = Field(min_length=1)
    length: int = Field(2048, ge=16, description="tokens; longer chats are left out and counted")
    packing: bool = True
    precision: Literal["fp32", "bf16"] = "bf16"
    gradient_checkpointing: bool = False
    chat_template: RunPath | None = Field(None, description="Jinja file, where the base has no chat template")
    system_prompt: str | None = None
    accelerate: RunPath | None = Field(None, description="configuration of accelerate; none is one process")

    @model_validator(mode="after")
    def _unique_phases(self) -> Self:
        names = [phase.name for phase in self.phases]
        if len(set(names)) < len(names):
            raise ValueError("two phases have the same name")
        if (self.base is None) == (self.scratch is None):
            raise ValueError("give either base or scratch")
        if self.scratch and self.phases[0].method != "full":
            raise ValueError("phases.0.method: random weights need full: an adapter cannot teach them")
        return self


class MergeConfig(Section):
    dtype: Literal["float32", "bfloat16", "float16"] = Field("bfloat16", description="of the final checkpoint")


class EvaluateConfig(Section):
    """A smoke evaluation; the benchmark has its own command."""

    records: int = Field(200, ge=1, description="held-out questions answered greedily")
    new_tokens: int = Field(512, ge=1)
    batch: int = Field(8, ge=1)


class PackageConfig(Section):
    id: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")
    version: str = "0.1.0"
    title_zh: str
    title_en: str
    notice_zh: str | None = Field(None, description="what is said beside the title; the default says: not reviewed")
    notice_en: str | None = None
    licence: str
    base: str | None = None
    quantization: str = "q4f32_1"
    context_window: int | None = Field(None, ge=1)
    targets: list[str] = Field(default_factory=lambda: ["gpu", "software"], min_length=1)
    system_prompt: str | None = None


class RunConfig(Section):
    """What the YAML says; the folder of the run is named on the command line, or ``runs/NAME`` beside the YAML."""

    name: str = Field(pattern=r"^[A-Za-z0-9._-]+$")
    seed: int = Field(0, ge=0)
    endpoints: list[EndpointSettings] = Field(default_factory=list)
    generate: GenerateConfig | None = None
    filter: FilterConfig | None = None
    train: TrainConfig | None = None
    merge: MergeConfig = MergeConfig()
    evaluate: EvaluateConfig = EvaluateConfig()
    package: PackageConfig | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        endpoints = {endpoint.name: endpoint for endpoint in self.endpoints}
        if len(endpoints) < len(self.endpoints):
            raise ValueError("endpoints: two have the same name")
        writers = self.generate.writers if self.generate else []
        raters = self.filter.raters if self.filter else []
        for place, names in (("generate.writers", writers), ("filter.raters", raters)):
            for name in names:
                if name not in endpoints:
                    raise ValueError(f"{place}: no endpoint is called {name!r}")
            if len(set(names)) < len(names):
                raise ValueError(f"{place}: a name occurs twice")
        if self.filter:
            given = [self.filter.records.writer] if self.filter.records else []
            for writer in [*writers, *given]:
                own = self.models_named(writer)
                others = [name for name in raters if endpoints[name].model not in own]
                if len(others) < self.filter.raters_per_record:
                    raise ValueError(
                        f"filter.raters: what {writer} writes needs {self.filter.raters_per_record} rater(s) of "
                        f"another model, found {len(others)}"
                    )
            if self.filter.least_ratings > self.filter.raters_per_record:
                raise ValueError("filter.least_ratings: more than filter.raters_per_record")
        if self.filter and self.filter.records and self.generate:
            raise ValueError("give either generate or filter.records")
        from_filter = self.train and any(source.from_filter for phase in self.train.phases for source in phase.data)
        if from_filter and self.filter is None:
            raise ValueError("train: from_filter needs a filter section")
        return self

    def models_named(self, writer: str) -> set[str]:
        """Models that a writer's name may stand for: the model of that name, and that of an endpoint of that name."""
        return {writer, *(endpoint.model for endpoint in self.endpoints if endpoint.name == writer)}

    def endpoint(self, name: str) -> EndpointSettings:
        return next(endpoint for endpoint in self.endpoints if endpoint.name == name)


def load_config(path: Path) -> RunConfig:
    """Read and check a run's YAML.

    Raises:
        InputError: it cannot be read, is no YAML, or an entry is wrong; the message gives each wrong entry's place.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict):
        raise InputError(f"{path}: expected a mapping of sections")
    try:
        return RunConfig.model_validate(content, context={"folder": path.parent.absolute()})
    except ValidationError as error:
        raise InputError("; ".join(f"{path}: {_place(problem)}" for problem in error.errors())) from error


def _place(problem: Any) -> str:
    place = ".".join(map(str, problem["loc"]))
    message = problem["msg"].removeprefix("Value error, ")
    return f"{place}: {message}" if place else message
