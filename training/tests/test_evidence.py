"""The document shows the results as they are."""

from pathlib import Path

import pytest

from training.evidence import all_tables, filled

ROOT = Path(__file__).parents[2]


def test_tables_go_between_their_markers():
    text = "before\n<!-- table: pose -->\nold\n<!-- end -->\nafter\n"
    once = filled(text, {"pose": "| a |"})
    assert once == "before\n<!-- table: pose -->\n\n| a |\n\n<!-- end -->\nafter\n"
    assert filled(once, {"pose": "| a |"}) == once
    with pytest.raises(KeyError):
        filled(text, {})


def test_the_document_is_up_to_date():
    text = (ROOT / "docs/evidence.md").read_text()
    assert filled(text, all_tables(ROOT / "training/results")) == text
