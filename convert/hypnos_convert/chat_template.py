"""From a Jinja chat template to web-llm's ``conv_template``, or a refusal that shows why not.

web-llm cannot run Jinja: it joins fixed strings around the messages. ``derive`` renders the template with marker
messages, reads the fixed strings off, and tries the ways in which web-llm can place them. A candidate is accepted only
if the tokens it gives equal those of ``apply_chat_template`` on a set of probe conversations.

Names of the fixed strings, for a conversation of system message, questions and answers::

    opening SYSTEM after_system QUESTION question_to_answer ANSWER answer_to_question QUESTION closing
    opening_bare                QUESTION question_to_answer ...                     (without a system message)
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .conversation import SYSTEM_PLACEHOLDER, prompt_parts
from .errors import InputError, TemplateError
from .inputs import one_line, shown
from .sandbox import CallError, LimitError, bounded
from .tokenizer import ModelTokenizer

_MARKERS = ("Xsystem0X", "Xquestion1X", "Xanswer1X", "Xquestion2X", "Xanswer2X", "Xquestion3X")

_CLOCK = re.compile(r"strftime_now\(\s*(['\"])(.*?)\1")
_CLOCK_MACRO = "{% macro strftime_now(pattern) %}{{ hypnos_dates[pattern] }}{% endmacro %}"

PROBE_SYSTEMS = ("你是麻醉科助手，只回答麻醉学问题。", "You are a careful assistant.\nAnswer briefly: 1, 2, 3.")
PROBE_TURNS = (
    ("你好",),
    ("What is MAC?", "The minimum alveolar concentration: 2.1% (sevoflurane).", "为什么老年人的 MAC 更低？"),
    (
        "体重70kg，丙泊酚2mg/kg是多少？",
        "140 mg。\n\n1. 核对体重\n2. 缓慢推注",
        "`x = {'a': [1, 2]}` costs $$5, $& and $' too 😀",
        "（略）",
        "1234567890 mL/h？\tTabs, <b>tags</b> & “引号”…",
    ),
)
"""Conversations that the tokens are compared on. Outer white space is left out: many templates trim it."""


@dataclass(frozen=True)
class Conversation:
    """What web-llm needs to hold a conversation.

    ``reuse_is_exact``: whether a conversation that goes on in the KV cache has the text of a fresh one.
    ``trims_messages``: whether the template removes white space around messages, which web-llm does not.
    ``notes``: what the packager should know, one sentence each.
    """

    template: dict[str, Any]
    reuse_is_exact: bool
    trims_messages: bool
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class TemplateOptions:
    """Choices that the checkpoint does not make.

    ``source``: Jinja text instead of the checkpoint's own. ``system_prompt``: the system message of conversations that
    bring none. ``thinking``: value of ``enable_thinking``. ``system``: False where no system message will ever be
    given. ``date``: what the template takes for today.
    """

    source: str | None = None
    system_prompt: str | None = None
    thinking: bool = False
    system: bool = True
    date: datetime.date | None = None


def derive(
    tokenizer: ModelTokenizer, stop_token_ids: Sequence[int], options: TemplateOptions | None = None
) -> Conversation:
    """Express the tokenizer's chat template in web-llm's terms.

    Raises:
        InputError: the checkpoint has no chat template, or it needs a date.
        TemplateError: web-llm cannot express the template; the message shows where the two differ.
    """
    options = options or TemplateOptions()
    source = _template_source(tokenizer, options)
    with bounded(tokenizer.reference.apply_chat_template) as apply:
        return _derive(_Renderer(tokenizer, options, source, apply), tokenizer, stop_token_ids, options)


def _derive(
    renderer: _Renderer, tokenizer: ModelTokenizer, stop_token_ids: Sequence[int], options: TemplateOptions
) -> Conversation:
    pieces = _read_pieces(renderer, options)
    renderer.check_clock()
    reference_system = options.system_prompt
    failure: TemplateError | None = None
    for candidate in _candidates(pieces, tokenizer):
        template = {**candidate, "stop_str": [], "stop_token_ids": list(stop_token_ids)}
        try:
            _compare_tokens(template, renderer, pieces, reference_system)
        except TemplateError as error:
            failure = failure or error
            continue
        return _finish(template, renderer, pieces, reference_system)
    if failure is not None:
        raise TemplateError(f"{failure}, {_NO_SYSTEM}" if pieces.opening is not None else str(failure)) from failure
    raise TemplateError(
        "the chat template cannot be expressed in web-llm's terms: "
        f"after a question it writes {shown(pieces.question_to_answer)} before an answer in the history, but ends with "
        f"{shown(pieces.closing)} where an answer is due; {_WAY_OUT}"
    )


class RefusedConversation(TemplateError):
    """The template does not render a conversation: it says so itself (``raise_exception``), or it has a fault."""


_WAY_OUT = "give another one with --chat-template FILE"
_NO_SYSTEM = "or use --no-system if no system message will be given"


@dataclass(frozen=True)
class _Pieces:
    """The fixed strings of a template, without the BOS text. ``opening`` is None where it takes no system message;
    ``opening_bare`` is None where one is always there, and then ``default_system`` is what it says by default."""

    bos: str
    opening: str | None
    after_system: str
    opening_bare: str | None
    default_system: str
    question_to_answer: str
    answer_to_question: str
    closing: str


def _template_source(tokenizer: ModelTokenizer, options: TemplateOptions) -> str:
    source = options.source if options.source is not None else tokenizer.reference.chat_template
    if isinstance(source, Mapping):
        source = source.get("default")
    if options.source is not None and not source.strip():
        raise InputError("--chat-template: the file is empty")
    if not source:
        raise InputError(
            "the checkpoint has no chat template (neither chat_template.jinja nor an entry in "
            f"tokenizer_config.json); {_WAY_OUT}"
        )
    if not isinstance(source, str):
        raise InputError(f"tokenizer_config.json: chat_template must be a text, found {shown(source)}; {_WAY_OUT}")
    return source


class _Renderer:
    """Renders conversations as transformers does, with a clock that can be set.

    ``apply`` is the tokenizer's ``apply_chat_template``, kept within bounds.
    """

    def __init__(
        self, tokenizer: ModelTokenizer, options: TemplateOptions, source: str, apply: Callable[..., str]
    ) -> None:
        self.tokenizer = tokenizer
        self.bos = tokenizer.reference.bos_token or ""
        self._options = options
        self._source = source
        self._apply = apply
        # transformers passes plain data to templates, no functions: the clock is a macro over formatted dates.
        self._date_patterns = [pattern for _, pattern in _CLOCK.findall(self._source)]
        if self._date_patterns:
            self._source = _CLOCK_MACRO + self._source

    def text(self, system: str | None, turns: Sequence[str], date: datetime.date | None = None) -> str:
        """The text of a conversation that an answer is due in.

        Raises:
            TemplateError: the template cannot be rendered, or goes beyond the bounds of ``sandbox``.
            RefusedConversation: it refuses this conversation, or stumbles over it.
        """
        messages = [] if system is None else [{"role": "system", "content": system}]
        messages += [
            {"role": "assistant" if index % 2 else "user", "content": text} for index, text in enumerate(turns)
        ]
        today = date or self._options.date or datetime.date(2001, 2, 3)
        try:
            return self._apply(
                messages,
                chat_template=self._source,
                add_generation_prompt=True,
                tokenize=False,
                enable_thinking=self._options.thinking,
                hypnos_dates={pattern: today.strftime(pattern) for pattern in self._date_patterns},
            )
        except LimitError as error:
            raise TemplateError(f"the chat template {error}; {_WAY_OUT}") from None
        except CallError as error:
            raise RefusedConversation(
                f"the chat template cannot be rendered: {error.kind}: {one_line(error)}; {_WAY_OUT}"
            ) from None

    def tokens(self, system: str | None, turns: Sequence[str]) -> list[int]:
        """What ``apply_chat_template`` with ``tokenize=True`` makes of ``text``."""
        encoded = self.tokenizer.reference(
            self.text(system, turns),
            add_special_tokens=False,
            # web-llm takes control tokens in messages for what they are, so must the text that is compared with it.
            sanitize_control_tokens=False,
        )
        return list(encoded["input_ids"])

    def check_clock(self) -> None:
        dates = datetime.date(2001, 2, 3), datetime.date(2032, 11, 24)
        if self._options.date is None and len({self.text(None, ("x",), date) for date in dates}) > 1:
            raise InputError("the chat template writes today's date; give a fixed one with --template-date YYYY-MM-DD")


def _read_pieces(renderer: _Renderer, options: TemplateOptions) -> _Pieces:
    """Render marker conversations and cut the results at the markers."""
    system, *turns = _MARKERS
    bare = _cut(renderer.text(None, turns), turns)
    bare_single = _cut(renderer.text(None, turns[:1]), turns[:1])
    opening_bare, question_to_answer, answer_to_question, *repeated, closing = bare
    if repeated != [question_to_answer, answer_to_question] or bare_single != [opening_bare, closing]:
        raise TemplateError(
            "the chat template changes what stands around a message as the conversation grows: "
            f"{one_line([opening_bare, closing])} became {one_line(bare)}; web-llm's strings are fixed; {_WAY_OUT}"
        )
    opening, after_system = None, ""
    if options.system:
        try:
            with_system = _cut(renderer.text(system, turns), _MARKERS)
        except RefusedConversation:
            with_system = None  # The template itself refuses system messages.
        except TemplateError as error:
            raise TemplateError(f"{error}, {_NO_SYSTEM}") from None
        if with_system is not None:
            opening, after_system, *rest = with_system
            if rest != bare[1:]:
                raise TemplateError(
                    "the chat template changes what stands around later messages when there is a system message: "
                    f"{one_line(bare[1:])} became {one_line(rest)}; web-llm's strings are fixed; "
                    f"{_WAY_OUT}, {_NO_SYSTEM}"
                )
    bos = renderer.bos
    if not (bos and opening_bare.startswith(bos) and (opening is None or opening.startswith(bos))):
        bos = ""
    opening_bare = opening_bare.removeprefix(bos)
    opening = None if opening is None else opening.removeprefix(bos)
    default = _default_system(opening, after_system, opening_bare, options)
    return _Pieces(
        bos=bos,
        opening=opening,
        after_system=after_system,
        opening_bare=opening_bare if default is None else None,
        default_system=default or "",
        question_to_answer=question_to_answer,
        answer_to_question=answer_to_question,
        closing=closing,
    )


def _cut(text: str, markers: Sequence[str]) -> list[str]:
    pieces, rest = [], text
    for marker in markers:
        piece, found, rest = rest.partition(marker)
        if not found or marker in rest:
            raise TemplateError(
                f"the chat template does not write every message once and in order: {shown(text)}; {_WAY_OUT}"
            )
        pieces.append(piece)
    return [*pieces, rest]


def _default_system(opening: str | None, after_system: str, opening_bare: str, options: TemplateOptions) -> str | None:
    """The system message that stands where none is given; None where there may be none at all."""
    if opening is None:
        if options.system_prompt is not None:
            raise TemplateError(f"--system-prompt: the chat template takes no system message; {_WAY_OUT}")
        return None
    if options.system_prompt is not None:
        return options.system_prompt
    fits = len(opening_bare) >= len(opening) + len(after_system)
    if fits and opening_bare.startswith(opening) and opening_bare.endswith(after_system):
        return opening_bare[len(opening) : len(opening_bare) - len(after_system)]
    return None


def _candidates(pieces: _Pieces, tokenizer: ModelTokenizer) -> Iterator[dict[str, Any]]:
    """Ways to place the fixed strings, the best first.

    role_templates stay unset wherever possible: web-llm would expand ``$&`` and the like in messages.
    """
    common = _common_prefix(pieces.question_to_answer, pieces.closing)
    before_answer = pieces.question_to_answer[len(common) :]
    prepends_space = tokenizer.info()["prepend_space_in_encode"]
    for placement in _system_placements(pieces):
        for cut in _cuts(common, tokenizer.special_tokens()):
            assistant, content = common[cut:], before_answer
            yield _candidate(placement, common[:cut], assistant, content, pieces, tokenizer)
            if prepends_space and (assistant + content).startswith(" "):
                # Each part is tokenised on its own, and this tokenizer then writes the leading space itself.
                assistant, content = (assistant[1:], content) if assistant else ("", content[1:])
                yield _candidate(placement, common[:cut], assistant, content, pieces, tokenizer)


def _candidate(
    placement: Mapping[str, Any],
    question_end: str,
    assistant: str,
    before_answer: str,
    pieces: _Pieces,
    tokenizer: ModelTokenizer,
) -> dict[str, Any]:
    candidate = {key: value for key, value in placement.items() if key not in ("user", "answer_end")}
    user = placement["user"]
    # web-llm has one role_content_sep for both roles; what stands before answers only goes into a role template.
    shared = before_answer if user.endswith(before_answer) else ""
    if before_answer and not shared:
        candidate["role_templates"] = {"assistant": before_answer + "{assistant_message}"}
    user = user[: len(user) - len(shared)]
    candidate["roles"] = {"user": user, "assistant": assistant, "tool": user}
    candidate["seps"] = [question_end, placement["answer_end"]]
    candidate["role_content_sep"] = shared
    candidate["role_empty_sep"] = pieces.closing[len(_common_prefix(pieces.question_to_answer, pieces.closing)) :]
    if pieces.bos:
        candidate["system_prefix_token_ids"] = tokenizer.encode(pieces.bos)
    return candidate


def _system_placements(pieces: _Pieces) -> Iterator[dict[str, Any]]:
    """Where the system message and the start of a question may go.

    What ends an answer stands at the start of the next question where it can, because web-llm does not feed it
    otherwise when it goes on in the KV cache. That needs a first question that looks different, which web-llm offers
    only behind a system message.
    """
    between = pieces.answer_to_question
    if pieces.opening_bare is None:
        opening = (pieces.opening or "") + SYSTEM_PLACEHOLDER
        always: dict[str, Any] = {"system_message": _escape(pieces.default_system), "user": between, "answer_end": ""}
        if pieces.after_system.endswith(between):
            before = pieces.after_system[: len(pieces.after_system) - len(between)]
            yield {**always, "system_template": opening + before, "add_role_after_system_message": True}
        yield {**always, "system_template": opening + pieces.after_system, "add_role_after_system_message": False}
        return
    user = pieces.opening_bare
    if not between.endswith(user):
        return
    optional: dict[str, Any] = {
        "system_message": "",
        "render_empty_system_message": False,
        "user": user,
        "answer_end": between[: len(between) - len(user)],
    }
    if pieces.opening is None:
        # Without a placeholder the template is the whole system prompt: none, whatever message is given.
        yield {**optional, "system_template": "", "add_role_after_system_message": True}
        return
    opening = pieces.opening + SYSTEM_PLACEHOLDER
    if pieces.after_system.endswith(user):
        before = pieces.after_system[: len(pieces.after_system) - len(user)]
        yield {**optional, "system_template": opening + before, "add_role_after_system_message": True}
    yield {**optional, "system_template": opening + pieces.after_system, "add_role_after_system_message": False}


def _common_prefix(one: Any, other: Any) -> Any:
    length = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    return one[:length]


def _cuts(text: str, special_tokens: Sequence[str]) -> list[int]:
    """Places to cut between a question's end and the answer's role: before special tokens first, which are token
    boundaries whatever stands beside them; then the ends."""
    starts = {at for token in special_tokens if token for at in _occurrences(text, token)}
    return [*sorted(starts - {0}, reverse=True), len(text), 0]


def _occurrences(text: str, token: str) -> Iterator[int]:
    at = text.find(token)
    while at >= 0:
        yield at
        at = text.find(token, at + 1)


def _escape(message: str) -> str:
    """A default system message, written so that JavaScript's replace gives it back."""
    return message.replace("$", "$$")


def _probes(pieces: _Pieces) -> Iterator[tuple[str | None, Sequence[str]]]:
    systems: list[str | None] = [None] if pieces.opening is None else [None, *PROBE_SYSTEMS]
    for system in systems:
        for turns in PROBE_TURNS:
            yield system, turns


def _compare_tokens(
    template: Mapping[str, Any], renderer: _Renderer, pieces: _Pieces, default_system: str | None
) -> None:
    for system, turns in _probes(pieces):
        expected = renderer.tokens(default_system if system is None else system, turns)
        parts = prompt_parts(template, system, turns)
        found = list(template.get("system_prefix_token_ids", ()))
        for part in parts:
            found += renderer.tokenizer.encode(part)
        if found != expected:
            raise TemplateError(_difference(renderer.tokenizer, expected, found))


def _difference(tokenizer: ModelTokenizer, expected: Sequence[int], found: Sequence[int]) -> str:
    at = len(_common_prefix(expected, found))

    def shown(ids: Sequence[int]) -> str:
        window = list(ids[max(0, at - 4) : at + 6])
        return f"{[tokenizer.page.id_to_token(i) for i in window]}"

    return (
        f"the chat template cannot be expressed in web-llm's terms: from token {at} on, apply_chat_template gives\n"
        f"  {shown(expected)}\nbut web-llm would feed\n  {shown(found)}\n{_WAY_OUT}"
    )


def _finish(template: dict[str, Any], renderer: _Renderer, pieces: _Pieces, default_system: str | None) -> Conversation:
    notes = []
    if pieces.opening is None:
        notes.append("the chat template takes no system message: one that is given will be ignored")
    exact = _reuse_is_exact(template, renderer, default_system)
    if not exact:
        notes.append(
            "a conversation that goes on in the KV cache differs from the template between its turns"
            + ("; a default system message (--system-prompt) avoids that" if pieces.opening_bare is not None else "")
        )
    trims = renderer.text(None, (" x \n",)) == renderer.text(None, ("x",))
    return Conversation(template, exact, trims, notes)


def _reuse_is_exact(template: Mapping[str, Any], renderer: _Renderer, default_system: str | None) -> bool:
    turns = PROBE_TURNS[-1]
    fed = ""
    for end in range(1, len(turns) + 1, 2):
        fed += "".join(prompt_parts(template, None, turns[:end], cached=end > 1))
        if end < len(turns):
            fed += turns[end]  # What the model generates is the answer and nothing after it.
    bos = renderer.bos if template.get("system_prefix_token_ids") else ""
    return bos + fed == renderer.text(default_system, turns)
