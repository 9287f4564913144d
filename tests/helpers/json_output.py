"""Holds what commands print with `--json` against the published schema."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from urllib.parse import quote

from jsonschema import Draft202012Validator
from jsonschema.protocols import Validator

#: The objects of each command, under `COMMAND --json`.
DEFS = json.loads((Path(__file__).parents[2] / "schemas" / "output.schema.json").read_text(encoding="utf-8"))["$defs"]


@cache
def _validator(name: str) -> Validator:
    return Draft202012Validator({"$ref": f"#/$defs/{quote(name)}", "$defs": DEFS})


def hold(arguments: Sequence[str], out: str) -> None:
    """Hold each line that a command printed against its schema, if the command was asked for JSON."""
    if "--json" not in arguments:
        return
    wanted = f"{arguments[0]} --json"
    for line in out.splitlines():
        record = json.loads(line)
        if wanted not in DEFS or record.get("event") == "error":
            wrong = list(_validator("error").iter_errors(record))
        else:
            wrong = list(_validator(wanted).iter_errors(record))
        assert not wrong, f"{' '.join(arguments)}: {line[:2000]}\n{wrong[0].message[:2000]}"
