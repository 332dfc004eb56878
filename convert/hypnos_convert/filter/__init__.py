"""Cross-filtering: what one LLM wrote is scored by others, and only what they find good is trained on.

The data's way: generated records → ratings (``rating``: five aspects, 0 to 10, by raters whose model is not the
writer's) → a verdict by aggregated scores (``verdict``: kept, dropped or undecided, with the reason) → near-duplicates
among the kept ones dropped, the better-rated one stays (``similarity``) → a check against the benchmark, where any
likeness is an error → a report (``report``). Every record ends in exactly one of three files, with all its ratings.

What the paper (arXiv 2403.02742) leaves open is decided here and stated in the configuration: thresholds,
aggregation, and the polarity of its aspect "harmfulness", which is asked as *harmlessness*, so that 10 is always good.
"""
