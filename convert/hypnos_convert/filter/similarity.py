"""Near-duplicates by MinHash on character 3-grams (datasketch), confirmed by the exact Jaccard index.

Characters, because words need a segmenter in Chinese; three of them, because light paraphrases then still score about
0.7 and unrelated texts of one field stay below 0.3.
"""

from __future__ import annotations

from collections.abc import Iterator

from datasketch import MinHash, MinHashLSH

PERMUTATIONS = 128
_EMPTY = MinHash(num_perm=PERMUTATIONS, seed=1)  # copied: to draw the permutations takes as long as a sketch


def shingles(text: str, size: int = 3) -> frozenset[str]:
    """Runs of ``size`` characters of the letters and digits of a text; the whole text if it is shorter."""
    plain = "".join(character for character in text.lower() if character.isalnum())
    return frozenset(plain[start : start + size] for start in range(max(1, len(plain) - size + 1)))


def jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    """Shared share of two sets; 0 for two empty ones."""
    union = len(one | other)
    return len(one & other) / union if union else 0.0


class SimilarTexts:
    """Finds earlier texts whose Jaccard index is at least ``threshold``."""

    def __init__(self, threshold: float) -> None:
        self._threshold = threshold
        # The sketch errs by about 0.09 with 128 permutations: look lower with it, then compare exactly.
        self._index = MinHashLSH(threshold=max(0.1, threshold - 0.15), num_perm=PERMUTATIONS)
        self._shingles: dict[str, frozenset[str]] = {}

    def add(self, key: str, text: str) -> None:
        self._shingles[key] = shingles(text)
        self._index.insert(key, sketch(self._shingles[key]))

    def nearest(self, text: str) -> tuple[str, float] | None:
        """Key and index of the most similar earlier text, or None if none reaches the threshold."""
        return max(self._similar(text), key=lambda pair: pair[1], default=None)

    def _similar(self, text: str) -> Iterator[tuple[str, float]]:
        own = shingles(text)
        for key in sorted(self._index.query(sketch(own))):
            value = jaccard(own, self._shingles[key])
            if value >= self._threshold:
                yield key, value


def sketch(items: frozenset[str]) -> MinHash:
    """The MinHash of a set, always the same one."""
    made = _EMPTY.copy()
    made.update_batch([item.encode() for item in items])
    return made
