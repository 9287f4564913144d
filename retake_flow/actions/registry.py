"""Action registry: the specs of all actions, which `check` uses and `retake-flow actions` prints."""

from __future__ import annotations

from typing import Final

from retake_flow.actions import operator, public, retake, sharing, voice
from retake_flow.actions.chat import spec as chat
from retake_flow.actions.own import spec as own
from retake_flow.actions.studio import spec as studio
from retake_flow.actions.studio import windows
from retake_flow.flow.action_spec import Catalogue

_FAMILIES: Final = (retake, studio, windows, voice, chat, operator, sharing, public, own)

CATALOGUE: Final[Catalogue] = {spec.name: spec for family in _FAMILIES for spec in family.SPECS}
