"""Decoding reads every matrix and every cached key and value once: the most that memory bandwidth allows."""

from __future__ import annotations

import pytest

from hypnos_convert import bench
from parity.packages import Packages


@pytest.mark.parametrize("name", ["llama3", "qwen3"])  # tied and untied; whole and odd widths
def test_a_decoded_token_reads_the_weights_once(packages: Packages, name: str) -> None:
    figures = bench.count_traffic(packages.make(name, "q4f32_1").folder, "gpu")

    assert figures["matrix_bytes_per_token"] >= figures["matrix_bytes_minimum"] * 0.99, "counted too little"
    assert figures["kv_bytes_per_token"] >= figures["kv_bytes_minimum"] * 0.99, "counted too little"
    assert figures["read_over_minimum"] <= 1.10
