"""The declarations of all actions: what flows are checked against and `retake-flow actions` prints."""

from __future__ import annotations

from typing import Final

from retake_flow.actions.catalogue import chat, operator, public, retake, sharing, studio, voice
from retake_flow.flow.catalogue import Catalogue

CATALOGUE: Final[Catalogue] = {
    spec.name: spec for family in (retake, studio, voice, chat, operator, sharing, public) for spec in family.SPECS
}
