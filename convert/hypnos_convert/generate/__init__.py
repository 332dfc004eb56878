"""Self-Instruct (Wang et al., arXiv 2212.10560), adapted to anaesthesiology.

The data's way, round by round: prompts that show seed tasks and earlier tasks (``prompts``) ask the writers for new
instructions; those that pass the filters (``filters``) get their case details, the *instance*, then their answer; what
passes again is a record. A round's requests go out side by side, but their replies are used in the order of the
prompts, never in the order of arrival. So the records are a function of configuration, seeds and ledger alone: a run
that was killed replays the ledger, at no cost, and arrives at the same point.
"""
