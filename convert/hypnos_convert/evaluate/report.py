"""One self-contained page with everything about some results, in Chinese and English, and the same as JSON.

No script at all: language is switched by two radio buttons, pictures are inline SVG. Texts of answers are escaped; a
Content-Security-Policy allows nothing but the page's own style.
"""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

from .. import __version__
from .charts import COLOURS, bars, radar
from .compare import Comparison, compare, item_changes
from .items import Item
from .judge import ASPECTS
from .result import Result, kinds_of
from .scoring import HEADLINE

FORMAT = "hypnos-report/1"
KIND_NAMES = {
    "aneqa": ("AneQA 开放问答", "AneQA open questions"),
    "anecq": ("AneCQ 选择题", "AneCQ choice questions"),
    "anerc": ("AneRC 阅读理解", "AneRC reading comprehension"),
}
BOARD = (
    ("aneqa", "key_point_recall"),
    ("aneqa", "forbidden_rate"),
    ("aneqa", "bleu_4"),
    ("aneqa", "rouge_l_char"),
    ("aneqa", "degenerate_rate"),
    ("anecq", "accuracy"),
    ("anecq", "chance"),
    ("anecq", "accuracy_likelihood"),
    ("anecq", "favourite_letter"),
    ("anerc", "exact_match"),
    ("anerc", "character_f1"),
)
"""Columns of the leaderboard; the full tables follow it."""
WIDE = '<div class="wide" tabindex="0">'
"""Around a table that may be wider than the page: scrolls by keyboard too."""
EXAMPLES = 6
"""Open answers shown of each result: the worst and the best, half each."""


@dataclass(frozen=True)
class Sources:
    """What a report is made of. ``previous`` is the run that regressions are looked for against."""

    runs: Sequence[Result]
    items: Mapping[str, Item]
    previous: Result | None = None
    judgement: Mapping[str, Any] | None = None
    human: Mapping[str, Any] | None = None


def to_json(sources: Sources) -> dict[str, Any]:
    """All numbers of the report."""
    return {
        "format": FORMAT,
        "made_with": {"hypnos-convert": __version__},
        "runs": [
            {key: run.about[key] for key in ("benchmark", "target", "parameters", "items", "scores", "by", "warnings")}
            for run in sources.runs
        ],
        "regressions": [
            {"run": run.name, "previous": sources.previous.name, **comparison.to_json()}
            for run, found in _against_previous(sources)
            for comparison in found
            if comparison.regression and sources.previous
        ],
        "judgement": sources.judgement and {key: sources.judgement[key] for key in ("summary", "usage")},
        "human": sources.human,
    }


def to_html(sources: Sources) -> bytes:
    """The page."""
    parts = [
        _warnings(sources),
        _leaderboard(sources),
        *(_kind(sources, kind) for kind in KIND_NAMES if any(kind in run.about["items"] for run in sources.runs)),
        _regressions(sources),
        _judges(sources),
        _humans(sources),
        *(_examples(sources, run) for run in sources.runs),
        _method(sources),
    ]
    style = resources.files(__package__).joinpath("report.css").read_text("utf-8")
    title = both("麻醉学评测报告", "Anaesthesiology evaluation report")
    body = "\n".join(part for part in parts if part)
    return (
        '<!doctype html>\n<html lang="zh-CN"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
        'img-src data:"><link rel="icon" href="data:,"><title>麻醉学评测报告 · Evaluation report</title>'
        f"<style>{style}</style></head><body>"
        '<header class="language"><span role="radiogroup" aria-label="语言 Language">'
        '<input type="radio" name="language" id="zh" checked><label for="zh">中文</label>'
        '<input type="radio" name="language" id="en"><label for="en">English</label></span></header>'
        f"<main><h1>{title}</h1>{_lead(sources)}{body}</main></body></html>\n"
    ).encode()


def both(zh: str, en: str) -> str:
    """A text in both languages, escaped; the style shows one."""
    return f'<span lang="zh-CN">{html.escape(zh)}</span><span lang="en">{html.escape(en)}</span>'


def _lead(sources: Sources) -> str:
    benchmarks = {(run.about["benchmark"]["name"], run.about["benchmark"]["version"]) for run in sources.runs}
    names = ", ".join(f"{name} {version}" for name, version in sorted(benchmarks))
    reviewed = all(run.about["benchmark"]["reviewed"] for run in sources.runs)
    note = (
        ""
        if reviewed
        else both(
            "题目与参考答案未经临床医师审核；分数只用于比较模型，不说明可用于诊疗。",
            "Items and reference answers were not reviewed by clinicians; scores compare models and say nothing about "
            "fitness for clinical use.",
        )
    )
    return f'<p class="lead">{both("题库：", "Benchmark: ")}{html.escape(names)}</p><p class="note">{note}</p>'


def _warnings(sources: Sources) -> str:
    lines = [
        f"<li><b>{html.escape(run.name)}</b> {both(warning['zh'], warning['en'])}</li>"
        for run in sources.runs
        for warning in run.about["warnings"]
    ]
    for entry in (sources.judgement or {}).get("summary", {}).get("judges", ()):
        if entry.get("position", {}).get("biased"):
            share = f"{entry['position']['first_rate']:.0%}"
            lines.append(
                f"<li><b>{html.escape(entry['judge'])}</b> "
                + both(
                    f"这个评审偏向某一位置：排在第一的回答赢得 {share}，不能采信。",
                    f"This judge goes by position: the first answer won {share} of the time. Do not rely on it.",
                )
                + "</li>"
            )
    if not lines:
        return ""
    return (
        f'<section class="warnings"><h2>{both("先看这里", "Read this first")}</h2><ul>{"".join(lines)}</ul></section>'
    )


def _score(run: Result, kind: str, key: str) -> Mapping[str, Any] | None:
    return next((s for s in run.about["scores"] if s["kind"] == kind and s["key"] == key), None)


def _cell(score: Mapping[str, Any] | None) -> str:
    if score is None:
        return "<td>—</td>"
    interval = "" if score["low"] is None else f"<small>{score['low']:.1f}–{score['high']:.1f}</small>"
    return f"<td>{score['value']:.1f}{interval}</td>"


def _leaderboard(sources: Sources) -> str:
    columns = [
        (kind, key, next(s for s in (_score(run, kind, key) for run in sources.runs) if s))
        for kind, key in BOARD
        if any(_score(run, kind, key) for run in sources.runs)
    ]
    order = sorted(sources.runs, key=lambda run: -sum(_headline(run, kind) for kind in kinds_of(run)))
    groups: dict[str, int] = {}
    for kind, _, _ in columns:
        groups[kind] = groups.get(kind, 0) + 1
    head = "".join(f'<th colspan="{n}" scope="colgroup">{both(*KIND_NAMES[kind])}</th>' for kind, n in groups.items())
    names = "".join(
        f'<th scope="col">{both(score["name"]["zh"], score["name"]["en"])}{_arrow(score["better"])}</th>'
        for _, _, score in columns
    )
    note = both("小字为95%区间。数值为百分数。", "Small print: 95% intervals. Values are percentages.")
    rows = "".join(
        f'<tr><th scope="row">{html.escape(run.name)}<small>{run.about["target"]["kind"]}</small></th>'
        + "".join(_cell(_score(run, kind, key)) for kind, key, _ in columns)
        + "</tr>"
        for run in order
    )
    return (
        f'<section><h2>{both("总览", "Leaderboard")}</h2>{WIDE}<table><thead><tr><td></td>{head}</tr>'
        f"<tr><td></td>{names}</tr></thead><tbody>{rows}</tbody></table></div>"
        f'<p class="note">{note}</p></section>'
    )


def _headline(run: Result, kind: str) -> float:
    score = _score(run, kind, HEADLINE[kind])
    return score["value"] if score else 0.0


def _arrow(better: str) -> str:
    return {"higher": " ↑", "lower": " ↓"}.get(better, "")


def _kind(sources: Sources, kind: str) -> str:
    runs = [run for run in sources.runs if kind in run.about["items"]]
    measure = next(score for score in (_score(run, kind, HEADLINE[kind]) for run in runs) if score)
    categories = sorted({name for run in runs for name in run.about["by"]["category"][kind]})
    series = [(run.name, [run.about["by"]["category"][kind].get(name) for name in categories]) for run in runs]
    pictures = bars(categories, series)
    if len(categories) >= 3:
        pictures = radar(categories, series) + pictures
    legend = "".join(
        f'<li><i style="background:{COLOURS[index % len(COLOURS)]}"></i>{html.escape(name)}</li>'
        for index, (name, _) in enumerate(series)
    )
    levels = "".join(
        f'<tr><th scope="row">{html.escape(run.name)}</th>'
        + "".join(
            _cell(run.about["by"]["difficulty"][kind].get(level)) for level in ("basic", "intermediate", "advanced")
        )
        + "</tr>"
        for run in runs
    )
    keys = list(dict.fromkeys(s["key"] for run in runs for s in run.about["scores"] if s["kind"] == kind))
    rows = []
    for key in keys:
        scores = [_score(run, kind, key) for run in runs]
        of = next(score for score in scores if score)
        rows.append(
            f'<tr><th scope="row">{both(of["name"]["zh"], of["name"]["en"])}{_arrow(of["better"])}</th>'
            f'{"".join(map(_cell, scores))}<td class="signature">{html.escape(of["signature"])}</td></tr>'
        )
    names = "".join(f'<th scope="col">{html.escape(run.name)}</th>' for run in runs)
    names += f'<th scope="col">{both("签名", "Signature")}</th>'
    difficulty = "".join(
        f'<th scope="col">{both(zh, en)}</th>'
        for zh, en in (("基础", "Basic"), ("中等", "Intermediate"), ("困难", "Advanced"))
    )
    by_category = both(f"各分类的{measure['name']['zh']}", f"{measure['name']['en']} by category")
    return (
        f"<section><h2>{both(*KIND_NAMES[kind])}</h2><h3>{by_category}</h3>"
        f'<ul class="legend">{legend}</ul><div class="pictures">{pictures}</div>'
        f"<h3>{both('按难度', 'By difficulty')}</h3>{_table(difficulty, levels)}"
        f"<h3>{both('全部指标与签名', 'All measures, with signatures')}</h3>{_table(names, ''.join(rows))}"
        "</section>"
    )


def _table(head: str, rows: str) -> str:
    return f"{WIDE}<table><thead><tr><td></td>{head}</tr></thead><tbody>{rows}</tbody></table></div>"


def _against_previous(sources: Sources) -> Iterator[tuple[Result, list[Comparison]]]:
    if sources.previous is not None:
        for run in sources.runs:
            yield run, compare(sources.previous, run)


def _regressions(sources: Sources) -> str:
    if sources.previous is None:
        return ""
    parts = []
    for run, found in _against_previous(sources):
        changed = [comparison for comparison in found if comparison.significant and comparison.measure.better != "none"]
        rows = "".join(
            f'<tr class="{"worse" if c.regression else "better"}"><th scope="row">{both(c.measure.zh, c.measure.en)}'
            f"<small>{c.kind}</small></th><td>{c.a:.1f}</td><td>{c.b:.1f}</td><td>{c.difference.value:+.1f}"
            f"<small>{c.difference.low:+.1f}…{c.difference.high:+.1f}</small></td><td>{c.difference.p:.4f}</td>"
            f"<td>{html.escape(c.difference.test)}</td></tr>"
            for c in changed
        )
        losses = [change for change in item_changes(sources.previous, run) if change["b"] < change["a"]][:12]
        lost = "".join(
            f"<li><code>{html.escape(change['id'])}</code> {change['a']:.0f} → {change['b']:.0f}</li>"
            for change in losses
        )
        head = "".join(
            f'<th scope="col">{both(zh, en)}</th>'
            for zh, en in (("之前", "Before"), ("现在", "Now"), ("差值", "Difference"), ("p", "p"), ("检验", "Test"))
        )
        table = _table(head, rows) if changed else f"<p>{both('没有显著变化。', 'No significant change.')}</p>"
        worst = f"<h4>{both('退步最多的题', 'Items that lost most')}</h4><ul>{lost}</ul>" if lost else ""
        parts.append(f"<h3>{html.escape(run.name)} ← {html.escape(sources.previous.name)}</h3>{table}{worst}")
    heading = both("与上次相比", "Against the previous run")
    return f"<section><h2>{heading}</h2>{''.join(parts)}</section>"


def _judges(sources: Sources) -> str:
    if sources.judgement is None:
        return ""
    summary, usage = sources.judgement["summary"], sources.judgement["usage"]
    parts = []
    for entry in summary["judges"]:
        lines = []
        if entry["pairs"]:
            wins, position = entry["wins"], entry["position"]
            lines.append(f"<li>{_wins(wins, summary['targets'])}</li>")
            first = "—" if position["first_rate"] is None else f"{position['first_rate']:.0%}"
            verdict = (
                both("位置偏差", "POSITION BIAS") if position["biased"] else both("未见位置偏差", "no position bias")
            )
            lines.append(
                f"<li>{both('第一位胜率', 'First place won')} {first} ({position['low']:.2f}–{position['high']:.2f}); "
                f"{both('换位后结论改变', 'changed with the order')} {position['inconsistent']:.0%}; "
                f'<b class="{"bad" if position["biased"] else ""}">{verdict}</b></li>'
            )
            if entry["self_preference"]:
                own = ", ".join(entry["self_preference"])
                lines.append(f"<li>{both('评审在评自己的回答：', 'Judges its own answers: ')}{html.escape(own)}</li>")
            if entry.get("human") and entry["human"]["agreement"] is not None:
                agreement = entry["human"]
                lines.append(
                    f"<li>{both('与人工一致', 'Agrees with human raters')} {agreement['agreement']:.0%} "
                    f"({agreement['low']:.2f}–{agreement['high']:.2f}), n = {agreement['items']}</li>"
                )
        for target, marks in entry["marks"].items():
            shown = " · ".join(f"{both(ASPECTS[key].split('：')[0], key)} {value:.1f}" for key, value in marks.items())
            lines.append(f"<li>{html.escape(target)}: {shown}</li>")
        spent = usage[entry["judge"]]
        lines.append(
            f"<li>{spent['requests']} {both('次请求', 'requests')}, "
            f"{spent['prompt_tokens'] + spent['completion_tokens']} tokens, "
            f"{both('费用', 'cost')} {spent['cost']:.4f}, {spent['seconds']:.0f} s</li>"
        )
        name = f"{html.escape(entry['judge'])} <small>{html.escape(entry['model'])}</small>"
        parts.append(f"<h3>{name}</h3><ul>{''.join(lines)}</ul>")
    heading = both("语言模型评审", "Judged by language models")
    problems = len(summary["problems"])
    lost = f"<p>{problems} {both('条回复不可用', 'replies were not usable')}</p>" if problems else ""
    return f"<section><h2>{heading}</h2><p><code>{summary['prompts']}</code></p>{''.join(parts)}{lost}</section>"


def _wins(wins: Mapping[str, Any], targets: Sequence[str]) -> str:
    a, b = map(html.escape, targets)
    rate = "—" if wins["rate_a"] is None else f"{wins['rate_a']:.2f}"
    return (
        f"{a} {wins['a']} · {b} {wins['b']} · {both('平', 'ties')} {wins['tie']} · {both('胜率', 'rate')} {rate} "
        f"({wins['low']:.2f}–{wins['high']:.2f}), p = {wins['p']:.4f}"
    )


def _humans(sources: Sources) -> str:
    human = sources.human
    if human is None:
        return ""
    lines = []
    if human["wins"]:
        lines.append(f"<li>{_wins(human['wins'], human['targets'])}</li>")
    shown = ", ".join(
        f"{html.escape(name)} {'—' if value is None else f'{value:.2f}'}" for name, value in human["alpha"].items()
    )
    lines.append(f"<li>Krippendorff α: {shown}</li>")
    for bias in human["bias"]:
        leniency = "" if bias["leniency"] is None else f", {bias['leniency']:+.2f} {both('分（相对他人）', 'points')}"
        side = f', <b class="bad">{both("偏向一侧", "prefers one side")}</b>' if bias["position_biased"] else ""
        lines.append(f"<li>{html.escape(bias['rater'])}: n = {bias['ratings']}{leniency}{side}</li>")
    lines.append(f"<li>{both('需要讨论的题', 'Items to discuss')}: {len(human['disagreements'])}</li>")
    return f"<section><h2>{both('人工评价', 'Human raters')}</h2><ul>{''.join(lines)}</ul></section>"


def _examples(sources: Sources, run: Result) -> str:
    recall = {
        line["id"]: line["row"][0]
        for line in run.items
        if line["kind"] == "aneqa" and line["id"] in run.answers and line["id"] in sources.items
    }
    order = sorted(recall, key=lambda id: (recall[id], id))
    half = EXAMPLES // 2
    chosen = order if len(order) <= EXAMPLES else [*order[:half], *order[-half:]]
    shown = [id for id in chosen if not sources.items[id].private]
    if not shown:
        return ""
    parts = []
    for id in shown:
        item, answer = sources.items[id].data, {"stated": (), "forbidden": (), **run.answers[id]}
        points = "".join(
            f'<li class="{"stated" if index in answer["stated"] else "missing"}">{html.escape(point["text"])}'
            f"<small>×{point['weight']:g}</small></li>"
            for index, point in enumerate(item["key_points"])
        )
        wrong = "".join(
            f'<li class="forbidden">{html.escape(item["forbidden"][index]["text"])}</li>'
            for index in answer["forbidden"]
            if index < len(item["forbidden"])
        )
        parts.append(
            f"<details><summary><code>{html.escape(id)}</code> {html.escape(item['question'])} "
            f"<b>{recall[id]:.0f}%</b></summary><h3>{both('回答（AI 生成）', 'Answer (AI-generated)')}</h3>"
            f'<blockquote lang="zh">{html.escape(answer["text"]) or "—"}</blockquote>'
            f'<h3>{both("要点", "Key points")}</h3><ul class="points">{points}{wrong}</ul>'
            f"<h3>{both('参考答案', 'Reference')}</h3>"
            f'<blockquote lang="zh">{html.escape(item["reference"])}</blockquote>'
            "</details>"
        )
    heading = both("示例：最差与最好", "Examples: the worst and the best")
    return f"<section><h2>{heading} · {html.escape(run.name)}</h2>{''.join(parts)}</section>"


def _method(sources: Sources) -> str:
    lines = []
    for run in sources.runs:
        about = run.about
        bootstrap = about["parameters"]["bootstrap"]
        counts = ", ".join(f"{kind} {count}" for kind, count in about["items"].items())
        lines.append(
            f"<li><b>{html.escape(run.name)}</b> ({about['target']['kind']}): {counts}; "
            f"{about['parameters']['prompts']}, {about['parameters']['decoding']}; bootstrap {bootstrap['resamples']}, "
            f"seed {bootstrap['seed']}; items <code>{about['benchmark']['sha256'][:16]}</code>; "
            f"{both('略过的题', 'lines left out')}: {about['benchmark']['left_out']}</li>"
        )
    text = both(
        "要点按措辞匹配，不按语义；所有题目都计入，拒答和无答案算错。",
        "Key points are matched by wording, not by meaning; every item counts, refusals and missing answers are wrong.",
    )
    heading = both("怎样得到这些数", "How these numbers were made")
    return f"<section><h2>{heading}</h2><p>{text}</p><ul>{''.join(lines)}</ul></section>"
