"""The dose lint finds slips in the training data and in the cards, and contradictions between the two."""

import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TOOLS = Path(__file__).resolve().parent.parent / "data" / "tools"
RECORD = {"id": "ane-test-0001", "output": "全麻诱导：丙泊酚 1.5～2.5 mg/kg 静脉注射，芬太尼 2 µg/kg。"}


@pytest.fixture
def lint(tmp_path, monkeypatch):
    """The lint, over one training record and a copy of the library's cards."""
    spec = importlib.util.spec_from_file_location("dose_lint", TOOLS / "lint.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    library = shutil.copytree(module.LIBRARY, tmp_path / "library")
    (tmp_path / "data" / "anaesthesia").mkdir(parents=True)
    monkeypatch.setattr(module, "LIBRARY", library)
    monkeypatch.setattr(module, "DATA", tmp_path / "data")
    monkeypatch.setattr("sys.argv", ["lint.py"])
    write_record(module, RECORD["output"])
    return module


def write_record(module, output):
    line = json.dumps({**RECORD, "output": output}, ensure_ascii=False)
    (module.DATA / "anaesthesia" / "test.jsonl").write_text(line + "\n", encoding="utf-8")


def replace_in_card(module, file, old, new):
    path = module.LIBRARY / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_the_training_data_and_the_cards_that_ship_agree():
    run = subprocess.run([sys.executable, str(TOOLS / "lint.py")], capture_output=True, text=True, timeout=600)
    assert run.returncode == 0, run.stderr
    assert int(run.stdout.split(" records")[0]) > 10_000  # all of it, not an empty folder


def test_cards_and_record_as_they_are(lint, capsys):
    assert lint.main() == 0
    assert " 0 complaints" in capsys.readouterr().out


@pytest.mark.parametrize(
    "output",
    [
        "全麻诱导：丙泊酚 15～25 mg/kg 静脉注射。",  # ten times too much
        "诱导前舒芬太尼 5 mg 静脉注射。",  # mg for µg
        "咪达唑仑口服 2.5 mg/kg。",  # plausible in no route
        "鞘内吗啡 1 mg。",  # a dose of another route
        "维库溴铵 0.1～0.08 mg/kg。",  # upside down
    ],
)
def test_a_slip_in_the_training_data_is_found(lint, capsys, output):
    write_record(lint, output)
    assert lint.main() == 1
    assert "ane-test-0001" in capsys.readouterr().err


def test_a_card_that_contradicts_the_training_data_is_found(lint, capsys):
    replace_in_card(lint, "drugs.json", '"low":1.5,"high":2.5,"unit":"mg/kg"', '"low":1.5,"high":1.6,"unit":"mg/kg"')
    replace_in_card(lint, "drugs.json", '"low":2.5,"high":3.5,"unit":"mg/kg"', '"low":1.5,"high":1.6,"unit":"mg/kg"')
    assert lint.main() == 1
    assert "ane-test-0001: card gives" in capsys.readouterr().err


def test_a_slip_in_a_crisis_step_is_found(lint, capsys):
    replace_in_card(lint, "crises.json", "丹曲林 2.5 mg/kg 快速静脉注射", "丹曲林 25 mg/kg 快速静脉注射")
    assert lint.main() == 1
    assert "crisis-malignant-hyperthermia" in capsys.readouterr().err
