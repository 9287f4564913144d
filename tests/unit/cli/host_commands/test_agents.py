"""The agents of a machine: listed without their tokens, moved with them."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import kubernetes_validate
import pytest
from cli_command import Command, Said

Piped = Callable[..., Said]

OWL, FOX = "rtk_owl_0123456789", "rtk_fox_0123456789"


@pytest.fixture
def piped(command: Command, monkeypatch: pytest.MonkeyPatch) -> Piped:
    """A command with a text on its standard input."""

    def run(text: str, *arguments: str) -> Said:
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: False, buffer=io.BytesIO(text.encode())))
        return command(*arguments)

    return run


def file(folder: Path, name: str, token: str, **more: str) -> Path:
    """A credentials file as a registration leaves it."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.json"
    path.write_text(json.dumps({"access_token": token, "agent_name": name.title(), "userDbId": f"user_{name}", **more}))
    path.chmod(0o600)
    return path


def test_agents_are_listed_without_their_tokens(command: Command, folder: Path) -> None:
    """What cannot be used says why, and nothing that a Secret's folder has beside its files is an agent."""
    agents = folder / "agents"
    owl, _ = file(agents, "owl", OWL), file(agents, "fox", FOX)
    assert command("agents", "--agents", str(agents)).code == 0
    (agents / "copy.json").write_bytes(owl.read_bytes())
    (agents / "copy.json").chmod(0o600)
    file(agents, "open", "rtk_open_0123456789").chmod(0o644)
    file(agents, "-x", "rtk_x_0123456789")
    (agents / "new.json").touch(0o600)
    (agents / "..data").symlink_to(".")
    (agents / ".hidden.json").touch()
    done = command("agents", "--agents", str(agents), "--json")
    assert done.code == 1
    troubles = {each["agent"]: each["trouble"] for each in done.records}
    assert {name for name, why in troubles.items() if why is None} == {"copy", "fox"}
    assert troubles["owl"].endswith("owl.json is the same agent as copy.json")
    assert troubles["open"].endswith("open to other users of this machine (mode 0644)")
    assert troubles["new"].endswith("is empty: the agent is not registered yet")
    assert troubles["-x"] == "'-x' cannot be the name of an agent's file"
    assert set(troubles) == {"copy", "fox", "owl", "open", "new", "-x"}
    shown = command("agents", "--agents", str(agents))
    for token in (OWL, FOX):
        assert token not in done.out + shown.out + shown.err
    assert command("agents", "--agents", str(agents), "list", "fox").code == 0


def test_agents_move_to_another_machine(command: Command, piped: Piped, folder: Path) -> None:
    """What is exported is imported with mode 0600; what a machine has learnt since is kept there."""
    here, there = folder / "here", folder / "there"
    file(here, "owl", OWL, mood="calm")
    file(here, "fox", FOX)
    exported = command("agents", "export", "--agents", str(here)).out
    done = piped(exported, "agents", "import", "--agents", str(there))
    assert (done.code, done.out) == (0, "fox: added\nowl: added\n")
    assert (there.stat().st_mode & 0o777, (there / "owl.json").stat().st_mode & 0o777) == (0o700, 0o600)
    kept = json.loads((there / "owl.json").read_text())
    assert (kept["access_token"], kept["userDbId"], kept["mood"]) == (OWL, "user_owl", "calm")
    file(there, "owl", OWL, token_address="0xabc")
    [again] = piped(exported, "agents", "import", "--agents", str(there), "--json").records
    assert again["imported"] == {"fox": "kept", "owl": "kept"}
    assert json.loads((there / "owl.json").read_text())["token_address"] == "0xabc"
    only = json.loads(command("agents", "export", "fox", "--agents", str(here)).out)
    assert set(only["agents"]) == {"fox"}


def test_another_account_is_not_replaced_by_itself(piped: Piped, folder: Path) -> None:
    """Only when told to, and then the old file stays beside it; the others are imported all the same."""
    agents = folder / "agents"
    file(agents, "owl", OWL)
    both = json.dumps({"agents": {"owl": {"access_token": FOX}, "cat": {"access_token": "rtk_cat_0123456789"}}})
    done = piped(both, "agents", "import", "--agents", str(agents))
    assert (done.code, done.out) == (1, "cat: added\n")
    assert "owl was not imported" in done.err
    assert "belongs to another account; add --replace" in done.err
    assert OWL in (agents / "owl.json").read_text()
    done = piped(both, "agents", "import", "--agents", str(agents), "--replace")
    assert (done.code, done.out) == (0, "owl: replaced\ncat: kept\n")
    assert OWL in (agents / "owl.json.1").read_text()


def test_an_account_is_known_by_its_id(piped: Piped, folder: Path) -> None:
    """A new token of it is an update; it gets no second name, and no other account gets its file by its token."""
    agents = folder / "agents"
    fox = json.loads(file(agents, "fox", FOX, mood="calm").read_text())
    for again in (fox, {"access_token": FOX}):
        done = piped(json.dumps(again), "agents", "import", "wolf", "--agents", str(agents))
        assert (done.code, f"wolf was not imported: it is fox in {agents} already" in done.err) == (1, True)
    assert not (agents / "wolf.json").exists()
    rotated = json.dumps({**fox, "access_token": "rtk_fox_new_012345"})
    assert piped(rotated, "agents", "import", "fox", "--agents", str(agents)).out == "fox: updated\n"
    kept = json.loads((agents / "fox.json").read_text())
    assert (kept["access_token"], kept["mood"]) == ("rtk_fox_new_012345", "calm")
    other = json.dumps({**kept, "userDbId": "user_cat"})
    done = piped(other, "agents", "import", "fox", "--agents", str(agents))
    assert (done.code, "belongs to another account" in done.err) == (1, True)
    assert json.loads((agents / "fox.json").read_text()) == kept
    done = piped(other, "agents", "import", "fox", "--agents", str(agents), "--replace")
    assert (done.code, done.out) == (0, "fox: replaced\n")
    assert json.loads((agents / "fox.json.2").read_text()) == kept


def test_a_credentials_file_becomes_an_agent(piped: Piped, folder: Path) -> None:
    """It is called as the agent is, unless it is given a name."""
    single = json.dumps({"access_token": OWL, "agent_name": "Night Owl!"})
    assert piped(single, "agents", "import", "--agents", "a").out == "Night-Owl: added\n"
    assert piped(single, "agents", "import", "owl", "--agents", "b").out == "owl: added\n"
    for text, name, words in (
        (single, "../owl", "cannot be the name of an agent's file"),
        (json.dumps({"access_token": OWL}), "", "cannot be the name"),
        (json.dumps({"agents": {"a/b": {"access_token": OWL}}}), "", "'a/b' cannot be the name"),
        (json.dumps({"agents": {"owl": {"access_token": "a b"}}}), "", "white space"),
        ("rtk_owl_0123456789", "owl", "not JSON"),
        ("", "owl", "standard input is empty"),
        (" \n", "", "standard input is empty"),
        ("[1]", "owl", "not a JSON object"),
        ('{"agents": {"owl": 3}}', "", "not a JSON object"),
    ):
        done = piped(text, "agents", "import", *filter(None, [name]), "--agents", "c")
        assert (done.code, words in done.err, OWL in done.err) == (6, True, False), done
        assert "left as it is" not in done.err
    assert not (folder / "c").exists()


def test_tokens_are_not_shown_on_a_terminal(command: Command, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are piped, or become a Secret of Kubernetes."""
    file(folder / "agents", "owl", OWL)
    secret = json.loads(command("agents", "export", "--agents", "agents", "--kubernetes", "agents").out)
    kubernetes_validate.validate(secret, "1.37", strict=True)
    assert (secret["kind"], secret["metadata"]["name"]) == ("Secret", "agents")
    assert json.loads(secret["stringData"]["owl.json"])["access_token"] == OWL
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    done = command("agents", "export", "--agents", "agents")
    assert (done.code, OWL in done.out) == (2, False)
    monkeypatch.undo()
    assert command("agents", "export", "cat", "--agents", "agents").code == 6
