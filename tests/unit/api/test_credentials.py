from __future__ import annotations

import json
import os
import stat
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retake_flow import private_file
from retake_flow.api.credentials import Credentials, credentials_of, load, require_place, save, update
from retake_flow.api.models import Account, Registration
from retake_flow.errors import CredentialsError, RetakeFlowError
from retake_flow.redact import Secret

GUIDE = {
    "access_token": "rtk_file-12345",
    "agent_name": "NightOwl",
    "agent_id": "agent_xyz",
    "userDbId": "user_abc",
    "wallet_address": "W1",
    "ticker": "OWL",
    "token_address": "",
    "token_ticker": "",
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the credentials would be; the folder does not exist yet."""
    return tmp_path / "retake" / "credentials.json"


def write(path: Path, content: object, mode: int = 0o600) -> Path:
    """Put a file there, as JSON unless it is bytes."""
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    path.chmod(mode)
    return path


def mode_of(path: Path) -> int:
    """The permission bits."""
    return stat.S_IMODE(path.stat().st_mode)


def loaded(path: Path, token: str | None = None) -> Credentials:
    """The credentials, which are there."""
    credentials = load(path, Secret(token) if token else None)
    assert credentials is not None
    return credentials


def test_the_guides_file_is_read(path: Path) -> None:
    """A file written by hand after the guide is understood, and its token belongs to retake.tv."""
    credentials = loaded(write(path, GUIDE))
    assert credentials.access_token.reveal() == "rtk_file-12345"
    assert (credentials.agent_name, credentials.user_db_id, credentials.ticker) == ("NightOwl", "user_abc", "OWL")
    assert credentials.issued_by == "https://retake.tv"
    assert "rtk_file-12345" not in repr(credentials)


def test_neither_file_nor_token_is_none(path: Path) -> None:
    """Without a file and a token there are no credentials, and no error either."""
    assert load(path) is None


def test_the_environments_token_goes_first(path: Path) -> None:
    """The token comes from the environment and all else from the file."""
    credentials = loaded(write(path, GUIDE | {"issued_by": "http://127.0.0.1:8080/"}), "rtk_environment")
    assert credentials.access_token.reveal() == "rtk_environment"
    assert (credentials.user_db_id, credentials.issued_by) == ("user_abc", "http://127.0.0.1:8080")


def test_a_token_alone_is_enough(path: Path) -> None:
    """With the token in the environment there need be no file, nor a token in it."""
    assert loaded(path, "rtk_environment").issued_by == "https://retake.tv"
    write(path, {"userDbId": 105})
    assert loaded(path, "rtk_environment").user_db_id == "105"


@pytest.mark.parametrize("token", ["rtk_a b", "rtk_a\tb", "rtk_ä", "rtk_a\x00"])
def test_a_token_that_is_none_is_refused_before_anything_is_done(path: Path, token: str) -> None:
    """Whoever loads it hears of it, and not only who calls the platform; the token itself is not told."""
    with pytest.raises(CredentialsError, match="RETAKE_ACCESS_TOKEN contains white space or characters") as raised:
        load(path, Secret(token))
    assert token not in f"{raised.value.message} {raised.value.hint}"


def test_the_environments_token_never_reaches_the_file(path: Path) -> None:
    """Saving what was learnt keeps the file's own token, and puts none where there was none."""
    write(path, GUIDE)
    save(path, replace(loaded(path, "rtk_environment"), token_address="So1"))
    assert json.loads(path.read_text()) == GUIDE | {"token_address": "So1", "issued_by": "https://retake.tv"}
    fresh = path.with_name("other.json")
    save(fresh, loaded(fresh, "rtk_environment"))
    assert "access_token" not in json.loads(fresh.read_text())


def test_unknown_fields_survive(path: Path) -> None:
    """What this program does not know is in the file after saving as before."""
    extra = {"notes": {"de": ["ü", None, 1.5]}, "owner": "ana"}
    write(path, GUIDE | extra)
    save(path, replace(loaded(path), token_ticker="OWL"))
    assert json.loads(path.read_text()) == GUIDE | extra | {"token_ticker": "OWL", "issued_by": "https://retake.tv"}


def test_a_registration_is_saved_for_its_owner_alone(path: Path) -> None:
    """A new agent's file has the guide's fields, mode 0600, in a folder of mode 0700, and is read back the same."""
    account = Account(Secret("rtk_new-12345"), "agent_xyz", "user_abc", "", "", "")
    owl = Registration("NightOwl", "x", "https://example.com/o.png", "W1", "OWL")
    credentials = credentials_of(account, owl, "http://127.0.0.1:8080")
    before = os.umask(0)
    try:
        save(path, credentials)
    finally:
        os.umask(before)
    assert (mode_of(path), mode_of(path.parent)) == (0o600, 0o700)
    assert json.loads(path.read_text()) == GUIDE | {
        "access_token": "rtk_new-12345",
        "issued_by": "http://127.0.0.1:8080",
    }
    assert loaded(path) == credentials


def test_the_file_is_private_before_it_holds_anything(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the moment the new file takes its place it is complete and has never been open to others."""
    seen: list[tuple[int, bytes]] = []
    real = os.replace

    def watched(source: str, target: Path) -> None:
        seen.append((mode_of(Path(source)), Path(source).read_bytes()))
        assert Path(source).parent == Path(target).parent
        real(source, target)

    monkeypatch.setattr(os, "replace", watched)
    save(path, Credentials(Secret("rtk_new-12345")))
    ((mode, content),) = seen
    assert mode == 0o600
    assert json.loads(content)["access_token"] == "rtk_new-12345"


def test_a_failed_write_leaves_the_old_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the disk is full the old credentials are still there, and nothing else is."""
    write(path, GUIDE)
    credentials = loaded(path)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CredentialsError, match="No space left"):
        save(path, credentials)
    assert json.loads(path.read_text()) == GUIDE
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("old", [json.dumps(GUIDE).encode(), b"{broken", b"\xff"])
def test_another_token_is_kept_aside(path: Path, old: bytes) -> None:
    """A token is never issued twice, so a new one does not wipe out an old one or a file we cannot read."""
    write(path, old)
    save(path, Credentials(Secret("rtk_new-12345")))
    save(path, Credentials(Secret("rtk_newer-12345")))
    assert path.with_name("credentials.json.1").read_bytes() == old
    assert mode_of(path.with_name("credentials.json.1")) == 0o600
    assert json.loads(path.with_name("credentials.json.2").read_text())["access_token"] == "rtk_new-12345"
    assert loaded(path).access_token.reveal() == "rtk_newer-12345"


def test_saving_the_same_agent_leaves_no_copies(path: Path) -> None:
    """What was learnt of the same agent replaces the file without a trail of old ones."""
    write(path, GUIDE)
    save(path, loaded(path))
    save(path, loaded(path))
    assert list(path.parent.iterdir()) == [path]


def test_a_linked_file_stays_linked(path: Path, tmp_path: Path) -> None:
    """Somebody who keeps the file elsewhere, behind a link, finds the link intact."""
    real = write(tmp_path / "vault.json", GUIDE)
    path.parent.mkdir()
    path.symlink_to(real)
    save(path, replace(loaded(path), token_ticker="OWL"))
    assert path.is_symlink()
    assert json.loads(real.read_text())["token_ticker"] == "OWL"


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o440, 0o604, 0o660])
def test_a_file_open_to_others_is_refused_with_the_ways_out(path: Path, mode: int) -> None:
    """Credentials that others can read are not used; how to close them is named, and what does without them."""
    write(path, GUIDE, mode)
    with pytest.raises(CredentialsError, match=f"{mode:04o}") as caught:
        load(path)
    assert caught.value.hint == f"chmod 600 {path}, or pass the token in RETAKE_ACCESS_TOKEN"


@pytest.mark.parametrize(
    ("content", "mode", "words"),
    [(GUIDE, 0o440, "0440"), (b"{broken", 0o600, "not JSON"), (GUIDE | {"agent_name": []}, 0o600, "agent_name")],
)
def test_the_environments_token_needs_no_file_that_can_be_used(
    path: Path, content: object, mode: int, words: str
) -> None:
    """It is the way out of such a file, which is neither believed nor written then."""
    write(path, content, mode)
    before = path.read_bytes(), mode_of(path)
    found = loaded(path, "rtk_environment")
    assert words in found.unusable
    assert (found.access_token.reveal(), found.user_db_id) == ("rtk_environment", "")
    update(path, replace(found, user_db_id="user_abc"))
    assert (path.read_bytes(), mode_of(path)) == before


@pytest.mark.parametrize("content", [b"", b"\n"])
def test_an_empty_file_is_filled_by_the_first_registration(path: Path, content: bytes) -> None:
    """It is what can be mounted into a container before there is a token."""
    write(path, content)
    assert load(path) is None
    require_place(path)
    save(path, Credentials(Secret("rtk_new-12345")))
    assert loaded(path).access_token.reveal() == "rtk_new-12345"
    assert list(path.parent.iterdir()) == [path]


def test_what_was_learnt_leaves_another_agents_file_alone(path: Path) -> None:
    """Somebody may have put another token in the file meanwhile, or have changed what else is in it."""
    write(path, GUIDE)
    learnt = replace(loaded(path), token_address="So1")
    write(path, GUIDE | {"access_token": "rtk_of_another"})
    update(path, learnt)
    assert json.loads(path.read_text()) == GUIDE | {"access_token": "rtk_of_another"}
    write(path, GUIDE | {"note": "ask Ana"})
    update(path, learnt)
    assert json.loads(path.read_text()) == GUIDE | {
        "note": "ask Ana", "token_address": "So1", "issued_by": "https://retake.tv",
    }  # fmt: skip
    path.unlink()
    update(path, learnt)
    assert not path.exists()


def test_a_secret_of_kubernetes_is_read_through_its_links(path: Path) -> None:
    """A mounted secret is a link to a link; what is linked is replaced when that can be, and the links stay."""
    folder = path.parent
    write(folder.parent / "..2026_01_01" / "credentials.json", GUIDE, 0o400)
    folder.mkdir()
    (folder.parent / "..data").symlink_to("..2026_01_01")
    path.symlink_to("../..data/credentials.json")
    update(path, replace(loaded(path), token_address="So1"))
    assert path.is_symlink()
    assert loaded(path).token_address == "So1"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'{\n  "access_token": "rtk_file-12345",\n}', "credentials.json:3:1: not JSON"),
        (b"\xff\xfe{}", "not JSON in UTF-8"),
        (b"[" * 100_000, "not JSON"),
        ([], "not a JSON object"),
        ({}, "has no access_token"),
        (GUIDE | {"access_token": None}, "has no access_token"),
        (GUIDE | {"access_token": ""}, "has no access_token"),
        (GUIDE | {"access_token": ["rtk_file-12345"]}, "access_token is not a string"),
        (GUIDE | {"access_token": "rtk_file 12345"}, "access_token contains white space"),
        (GUIDE | {"agent_name": {"x": 1}}, "agent_name is not a string"),
        (GUIDE | {"issued_by": "evil"}, "not an origin"),
        (b" " * (private_file.MAX_SIZE + 1), "too large"),
    ],
)
def test_a_broken_file_is_refused_and_left_alone(path: Path, content: Any, words: str) -> None:
    """What the guide does not describe is refused with the path, without the token, and the file stays as it is."""
    write(path, content)
    before = path.read_bytes()
    with pytest.raises(CredentialsError, match=words) as caught:
        load(path)
    assert "12345" not in str(caught.value) + caught.value.hint
    assert path.read_bytes() == before


def test_what_is_no_file_is_refused(path: Path) -> None:
    """A folder or a pipe in the file's place is named, and nobody waits for a writer."""
    path.mkdir(parents=True)
    with pytest.raises(CredentialsError, match="not a file"):
        load(path)
    path.rmdir()
    os.mkfifo(path)
    with pytest.raises(CredentialsError, match="not a file"):
        load(path)
    with pytest.raises(CredentialsError, match="cannot be read"):
        load(path / "below")


def test_a_place_that_cannot_be_written_is_said(path: Path) -> None:
    """Saving below a file says that it cannot be, and what to do."""
    write(path, GUIDE)
    with pytest.raises(CredentialsError, match="cannot be written"):
        save(path / "below", Credentials(Secret("rtk_new-12345")))


def test_any_file_is_credentials_or_our_error(path: Path) -> None:
    """No content whatever of the file makes loading and saving fail in another way than with an error of ours."""
    values = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
        max_leaves=4,
    )
    files = st.dictionaries(st.sampled_from([*GUIDE, "issued_by", "more"]), values).map(
        lambda data: json.dumps({"access_token": "rtk_file-12345"} | data).encode()
    )

    @given(st.binary() | files)
    def check(content: bytes) -> None:
        write(path, content)
        with suppress(RetakeFlowError):
            credentials = load(path)
            if not content.strip():
                assert credentials is None
                return
            assert credentials is not None
            save(path, credentials)
            assert load(path) == credentials

    check()
