"""One self-contained HTML page on a filter's work: counts, histograms, agreement, samples at the threshold."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import combinations
from statistics import fmean

from ..config import ASPECTS, FilterConfig
from .rating import AspectScores
from .stage import Judged, count_outcomes

SAMPLES = 10

_STYLE = """
body{font:15px/1.6 system-ui,"PingFang SC","Microsoft YaHei",sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;
color:#1c2a2e;background:#fff}
table{border-collapse:collapse;margin:.5rem 0 1.5rem}th,td{border-bottom:1px solid #d5dcdd;
padding:.3rem .8rem;text-align:left;vertical-align:top}td.n{text-align:right;font-variant-numeric:tabular-nums}
svg rect{fill:#2b7a78}svg text{font-size:10px;fill:currentColor}pre{white-space:pre-wrap;margin:0;font:inherit}
@media(prefers-color-scheme:dark){body{color:#dbe4e5;background:#12191b}th,td{border-color:#334}svg rect{fill:#5fb3ae}}
"""


def agreement(judged: Sequence[Judged]) -> dict[str, dict[str, float | int]]:
    """Agreement between raters by aspect, over records with at least two valid ratings.

    ``alpha``: Krippendorff's alpha for interval data, 1 - observed / expected squared difference (Krippendorff 2011,
    "Computing Krippendorff's Alpha-Reliability"); NaN where nothing varies. ``difference``: mean absolute difference
    of two raters of one record. ``within_one``: share of such pairs at most 1 apart.
    """
    groups = [valid for one in judged if len(valid := [r.scores for r in one.ratings if r.scores is not None]) >= 2]
    return {aspect: _agreement(groups, lambda scores, name=aspect: getattr(scores, name)) for aspect in ASPECTS}


def _agreement(groups: Iterable[list[AspectScores]], value: Callable[[AspectScores], int]) -> dict[str, float | int]:
    units = [[value(scores) for scores in group] for group in groups]
    differences = [abs(a - b) for unit in units for a, b in combinations(unit, 2)]
    if not differences:
        return {"records": 0, "alpha": float("nan"), "difference": float("nan"), "within_one": float("nan")}
    values = Counter(score for unit in units for score in unit)
    total = sum(values.values())
    observed = sum(sum((a - b) ** 2 for a, b in combinations(unit, 2)) * 2 / (len(unit) - 1) for unit in units) / total
    expected = sum(values[a] * values[b] * (a - b) ** 2 * 2 for a, b in combinations(sorted(values), 2)) / (
        total * (total - 1)
    )
    return {
        "records": len(units),
        "alpha": 1 - observed / expected if expected else float("nan"),
        "difference": fmean(differences),
        "within_one": sum(difference <= 1 for difference in differences) / len(differences),
    }


def at_threshold(judged: Sequence[Judged], settings: FilterConfig) -> list[Judged]:
    """The rated records whose mean lies nearest to the threshold, nearest first."""
    rated = [one for one in judged if one.verdict.scores]
    rated.sort(key=lambda one: (abs(one.verdict.scores["mean"] - settings.thresholds.mean), one.task.id))
    return rated[:SAMPLES]


def html_report(judged: Sequence[Judged], settings: FilterConfig) -> str:
    """The page; all texts of records are escaped."""
    counts = count_outcomes(judged)
    reasons = Counter(_kind(reason) for one in judged for reason in one.verdict.reasons)
    writers: Counter[tuple[str, str]] = Counter((one.task.writer, one.verdict.outcome) for one in judged)
    names = sorted({writer for writer, _ in writers})
    thresholds = settings.thresholds.model_dump()
    parts = [
        "<!doctype html><html lang='zh-CN'><meta charset='utf-8'>",
        "<meta name='viewport' content='width=device-width'>",
        f"<title>交叉筛选报告 Cross-filtering</title><style>{_STYLE}</style><h1>交叉筛选报告 Cross-filtering</h1>",
        "<p>由语言模型编写和评分，未经临床评审。Written and rated by language models, not clinically reviewed.</p>",
        _table(["结果 outcome", "条数 records"], [[name, str(count)] for name, count in counts.items()]),
        "<h2>按作者 By writer</h2>",
        _table(
            ["writer", "kept", "dropped", "undecided"],
            [[name, *(str(writers[name, outcome]) for outcome in counts)] for name in names],
        ),
        "<h2>原因 Reasons</h2>",
        _table(["reason", "records"], [[name, str(count)] for name, count in reasons.most_common()]),
        "<h2>分数分布 Scores</h2><p>10 分总是好。10 is always good.</p>",
        *(
            _histogram(name, [one.verdict.scores[name] for one in judged if one.verdict.scores], thresholds[name])
            for name in ("mean", *ASPECTS)
        ),
        "<h2>评分者一致性 Agreement between raters</h2>",
        _table(
            ["aspect", "records", "Krippendorff α (interval)", "mean |difference|", "within 1"],
            [
                [name, str(row["records"]), *(f"{row[key]:.2f}" for key in ("alpha", "difference", "within_one"))]
                for name, row in agreement(judged).items()
            ],
        ),
        f"<h2>阈值附近的样本 Samples at the threshold (mean {settings.thresholds.mean:g})</h2>",
        _table(
            ["record", "mean", "outcome", "question", "answer"],
            [
                [
                    one.task.id,
                    f"{one.verdict.scores['mean']:.2f}",
                    f"{one.verdict.outcome}: {'; '.join(one.verdict.reasons)}".rstrip(": "),
                    one.task.question,
                    one.task.output,
                ]
                for one in at_threshold(judged, settings)
            ],
        ),
    ]
    return "\n".join(parts) + "</html>\n"


def _kind(reason: str) -> str:
    """A reason without its figures, for counting."""
    for start, name in (("near-duplicate", "near-duplicate"), ("raters disagree", "raters disagree")):
        if reason.startswith(start):
            return name
    if "valid ratings" in reason:
        return "too few valid ratings"
    return f"{reason.split()[0]} below threshold" if "<" in reason else reason


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    def cell(text: str) -> str:
        number = text.replace(".", "").replace("-", "").isdigit() or text == "nan"
        return f"<td{' class=n' if number else ''}><pre>{html.escape(text)}</pre></td>"

    header = "".join(f"<th>{html.escape(name)}</th>" for name in head)
    body = "".join("<tr>" + "".join(map(cell, row)) + "</tr>" for row in rows)
    return f"<table><thead><tr>{header}</tr></thead><tbody>{body}</tbody></table>"


def _histogram(name: str, values: Sequence[float], threshold: float) -> str:
    """Bars for 0 to 10 in steps of one; a line where the threshold lies."""
    bins = Counter(min(10, int(value)) for value in values)
    highest = max(bins.values(), default=0) or 1
    bars = []
    for score in range(11):
        height = 80 * bins[score] / highest
        left = score * 30
        bars.append(f"<rect x='{left + 2}' y='{90 - height:.1f}' width='26' height='{height:.1f}'/>")
        bars.append(f"<text x='{left + 15}' y='102' text-anchor='middle'>{score}</text>")
        if bins[score]:
            bars.append(f"<text x='{left + 15}' y='{87 - height:.1f}' text-anchor='middle'>{bins[score]}</text>")
    line = threshold * 30 + 1
    mark = f"<line x1='{line}' x2='{line}' y1='0' y2='90' stroke='#c0392b' stroke-dasharray='3'/>"
    return (
        f"<figure><figcaption>{html.escape(name)} (n={len(values)}, ≥ {threshold:g})</figcaption>"
        f"<svg viewBox='0 -12 330 116' width='330' role='img' aria-label='{html.escape(name)}'>"
        f"{''.join(bars)}{mark}</svg></figure>"
    )
