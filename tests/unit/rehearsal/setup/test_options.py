"""The options of a rehearsal, as the docs show them."""

import json
import re
from pathlib import Path

import pytest

from retake_flow.rehearsal.setup.options import Options

DOCS = Path(__file__).parents[4] / "docs" / "rehearsal.md"
BLOCKS = re.findall(r"```json\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS)
def test_the_options_in_the_docs_can_be_used(block):
    """Each JSON block of docs/rehearsal.md is read, and reads the same when a rehearsal goes on with it."""
    options = Options.from_json(block)
    assert Options.from_mapping(json.loads(json.dumps(options.as_json()))) == options


def test_every_option_is_in_the_docs():
    """The table of options names each of them, but for what only a rehearsal itself writes."""
    told = set(re.findall(r"^\| `(\w+)` \|", DOCS.read_text(encoding="utf-8"), re.MULTILINE))
    assert set(Options.__dataclass_fields__) - {"part"} <= told
