"""The fields that register.yaml takes, as inputs and as answers, and that go-live.yaml hands on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from flow_samples import GO_LIVE
from hypothesis import given
from hypothesis import strategies as st

from retake_flow.api.models import Registration
from retake_flow.errors import InputError
from retake_flow.flow import fields
from retake_flow.flow.load import inputs
from retake_flow.flow.load.load import load_flow

FIELDS = tuple(Registration.__dataclass_fields__)
FILE = GO_LIVE.with_name("register.yaml")
REGISTER = load_flow(FILE.read_text(encoding="utf-8"), str(FILE))
GO = load_flow(GO_LIVE.read_text(encoding="utf-8"), str(GO_LIVE))
OWL = {
    "agent_name": "Day Owl",
    "agent_description": "Watches and tells",
    "image_url": "https://example.com/owl.png",
    "wallet_address": "7EcDhSYGxXyscszYEp35KHN8vvw3svAuLKTzXwCFLtV",
    "ticker": "OWL",
}


def asked() -> Mapping[str, Mapping[str, Any]]:
    """The fields of the answer to the question for what is missing."""
    ask = REGISTER.states["details"].ask
    assert ask is not None
    return ask.decisions["again"]


def bare(schema: Mapping[str, Any]) -> dict[str, Any]:
    """What a field takes, without what is said of it."""
    return {key: value for key, value in schema.items() if key != "description"}


@pytest.mark.parametrize("name", FIELDS)
def test_a_field_takes_the_same_wherever_it_is_given(name: str) -> None:
    """As an input of go-live.yaml, of register.yaml, and as an answer; nowhere does it have to be given."""
    schema = bare(REGISTER.inputs[name].schema)
    assert schema == bare(GO.inputs[name].schema) == bare(asked()[name])
    assert not REGISTER.inputs[name].is_required


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("agent_name", "Day/Owl"),
        ("agent_name", " "),
        ("agent_name", "Öwl"),
        ("agent_description", " "),
        ("image_url", "owl.png"),
        ("image_url", "http://example.com/owl.png"),
        ("wallet_address", "0x12"),
        ("wallet_address", "0" * 40),
        ("ticker", "MUCHTOOLONG"),
        ("ticker", ""),
    ],
)
@pytest.mark.parametrize("flow", [REGISTER, GO], ids=["register", "go-live"])
def test_what_the_platform_would_refuse_is_refused_before_a_run(flow: Any, name: str, value: str) -> None:
    """By the name of the input."""
    assert inputs.resolve(flow, OWL)[name] == OWL[name]
    with pytest.raises(InputError, match=name):
        inputs.resolve(flow, {**OWL, name: value})


_TEXTS = st.one_of(st.text(max_size=12), st.text("aZ0 _-/", max_size=12), st.sampled_from(list(OWL.values())))


@given(given_=st.fixed_dictionaries(dict.fromkeys(FIELDS, _TEXTS)))
def test_what_fits_is_nothing_that_the_action_refuses(given_: dict[str, str]) -> None:
    """A person is not asked again for something that the question has taken."""
    reading = fields.read(asked(), {**OWL, **given_})
    fitting = {name: value for name, value in {**OWL, **given_}.items() if name not in reading.unfit}
    assert Registration(**{name: str(value).strip() for name, value in {**OWL, **fitting}.items()}).problems() == ()
