"""Scores of a model on the anaesthesiology benchmark, or on a hospital's own items, that somebody else can check.

The data's way (README.md tells it at length)::

    items ──► prompts ──► target ──► cache ──► metrics ──► result folder ──► compare, report, package
    (JSONL)   (versioned) (HF folder, endpoint, package in Chromium, answers file)      judge, human ──┘

``items`` reads and checks questions, ``prompts`` words them, a module of ``targets`` answers, ``cache`` remembers every
answer at once, ``metrics`` turns (item, answer) into rows of numbers that add up, and ``scoring`` sums them into scores
with intervals. All that is kept of a private item is its id and its rows.
"""
