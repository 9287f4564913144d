"""A Python function that answers chat."""

from __future__ import annotations

import asyncio
import importlib
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from responder_samples import BATCH

from retake_flow.errors import ResponderFailed, ResponderMissing
from retake_flow.ports.responders import Answer
from retake_flow.responders import function

_numbers = iter(range(1_000))


@pytest.fixture
def module(tmp_path: Path) -> Callable[..., str]:
    """Writes a module into the folder of the flow; gives its name."""

    def written(text: str, name: str = "") -> str:
        name = name or f"owl_{next(_numbers)}"
        (tmp_path / f"{name}.py").write_text(dedent(text))
        return name

    return written


def asked(folder: Path, name: str, times: int = 1, **settings: Any) -> list[Answer]:
    """What the function under a name answers."""

    async def main() -> list[Answer]:
        async with function.open_responder(folder, {"module": name, **settings}) as found:
            return [await found.respond(BATCH) for _ in range(times)]

    return asyncio.run(main())


def failed(folder: Path, name: str, **settings: Any) -> str:
    """What is said when it has no answer."""
    with pytest.raises(ResponderFailed) as raised:
        asked(folder, name, **settings)
    assert raised.value.__cause__ is None
    return raised.value.message


def test_a_function_beside_the_flow_gets_the_batch_and_gives_replies(tmp_path: Path, module: Any) -> None:
    """What it remembers stays from one batch to the next."""
    name = module(
        """
        seen = []
        def reply(batch):
            seen.append(batch)
            message = batch["messages"][0]
            return [f"{len(seen)}: {message['author']} said {message['text']} to {batch['agent']}", batch["occasion"]]
        """
    )
    first, second = asked(tmp_path, f"{name}:reply", times=2)
    assert first == Answer(("1: mira said hi € to Night Owl", "messages"))
    assert second.replies[0].startswith("2: ")


@pytest.mark.parametrize(
    ("given", "replies"),
    [
        ("None", ()),
        ("[]", ()),
        ("('a', 'b')", ("a", "b")),
        ("{'replies': ['a']}", ("a",)),
        ("{'replies': ('a',)}", ("a",)),
    ],
)
def test_replies_come_in_several_forms(tmp_path: Path, module: Any, given: str, replies: tuple[str, ...]) -> None:
    """A list, a tuple, a dict with one, or nothing."""
    assert asked(tmp_path, f"{module(f'def reply(batch): return {given}')}:reply") == [Answer(replies)]


@pytest.mark.parametrize("given", ["'text'", "3", "[1]", "{'say': []}", "object()", "{'replies': None}"])
def test_what_are_no_replies_has_failed(tmp_path: Path, module: Any, given: str) -> None:
    """Also a bare text, which somebody would else have said letter by letter."""
    assert failed(tmp_path, f"{module(f'def reply(batch): return {given}')}:reply").endswith("which are no replies")


def test_an_asynchronous_function_is_awaited(tmp_path: Path, module: Any) -> None:
    """It runs in the loop of the run, so it may await what it likes."""
    name = module(
        """
        import asyncio
        async def reply(batch):
            await asyncio.sleep(0)
            return ["async"]
        """
    )
    assert asked(tmp_path, f"{name}:reply") == [Answer(("async",))]


def responders() -> set[threading.Thread]:
    """The threads of functions."""
    return {each for each in threading.enumerate() if each.name == "responder"}


def test_a_plain_function_holds_nothing_up(tmp_path: Path, module: Any) -> None:
    """While it blocks, the rest of the run goes on: here it waits for what the rest of the run does."""
    name = module("import threading\ngo = threading.Event()\ndef reply(batch): return ['went'] if go.wait(120) else []")

    async def main() -> Answer:
        async with function.open_responder(tmp_path, {"module": f"{name}:reply"}) as found:
            asking = asyncio.create_task(found.respond(BATCH))
            await asyncio.sleep(0)
            sys.modules[name].go.set()
            return await asking

    assert asyncio.run(main()) == Answer(("went",))


@pytest.mark.parametrize("kind", ["def", "async def"])
@pytest.mark.parametrize(
    ("raised", "said"),
    [
        ("ValueError('no idea')", "ValueError: no idea"),
        ("KeyError('mood')", "KeyError: 'mood'"),
        ("TimeoutError('theirs')", "TimeoutError: theirs"),
        ("SystemExit(3)", "SystemExit: 3"),
        ("KeyboardInterrupt()", "KeyboardInterrupt"),
        ("asyncio.CancelledError()", "CancelledError"),
        ("ValueError('\\x1b[31m' + 'x' * 5000)", "ValueError: xxx"),
    ],
)
def test_what_it_raises_is_told_with_the_line(tmp_path: Path, module: Any, kind: str, raised: str, said: str) -> None:
    """Whatever it is, it is a failure of the responder in one sentence with file and line of theirs."""
    name = module(f"import asyncio\n{kind} reply(batch):\n    inner()\n\ndef inner():\n    raise {raised}\n")
    message = failed(tmp_path, f"{name}:reply")
    assert message.startswith(f"{name}:reply failed: {name}.py:6: {said}")
    assert len(message) < 400
    assert "\x1b" not in message


def test_a_function_that_thinks_for_too_long_has_failed_and_keeps_nothing_alive(tmp_path: Path, module: Any) -> None:
    """It is not called again before it has ended, and its thread holds up no end of the process."""
    name = module("import threading\ngo = threading.Event()\ndef reply(batch): go.wait(); return ['late']")

    before = responders()

    async def main() -> list[str]:
        said = []
        async with function.open_responder(tmp_path, {"module": f"{name}:reply", "timeout": "1s"}) as found:
            for _ in range(2):
                with pytest.raises(ResponderFailed) as raised:
                    await found.respond(BATCH)
                said.append(raised.value.message)
            (thread,) = responders() - before
            assert thread.daemon
            sys.modules[name].go.set()
            thread.join(120)
            found._within = 120.0
            said.append((await found.respond(BATCH)).replies[0])
        return said

    assert asyncio.run(main()) == [
        f"{name}:reply gave no answer within 1s", f"{name}:reply is still busy with an earlier batch", "late"
    ]  # fmt: skip


def test_one_that_ends_after_the_loop_troubles_nobody(tmp_path: Path, module: Any) -> None:
    """A thread whose answer nobody can take any more ends without a word."""
    name = module("import threading\ngo = threading.Event()\ndef reply(batch): go.wait(); return ['late']")
    before = responders()
    failed(tmp_path, f"{name}:reply", timeout="50ms")
    (thread,) = responders() - before
    sys.modules[name].go.set()
    thread.join(120)
    assert not thread.is_alive()


def test_asynchronous_ones_have_a_time_too(tmp_path: Path, module: Any) -> None:
    """They are cancelled."""
    name = module("import asyncio\nasync def reply(batch): await asyncio.sleep(1000)")
    assert failed(tmp_path, f"{name}:reply", timeout="50ms").endswith("gave no answer within 50ms")


def test_an_activity_that_is_left_cancels_it(tmp_path: Path, module: Any) -> None:
    """That is no failure of the function."""
    name = module("import asyncio\nasync def reply(batch): await asyncio.sleep(1000)")

    async def main() -> None:
        async with function.open_responder(tmp_path, {"module": f"{name}:reply"}) as found:
            asking = asyncio.create_task(found.respond(BATCH))
            await asyncio.sleep(0)
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking

    asyncio.run(main())


def test_a_module_may_be_in_a_package_and_import_its_neighbours(tmp_path: Path, module: Any) -> None:
    """Also only when it is called, which is later than it is found."""
    neighbour = module("WORD = 'hoot'")
    package = f"nest_{next(_numbers)}"
    (tmp_path / package).mkdir()
    (tmp_path / package / "__init__.py").write_text("")
    (tmp_path / package / "owl.py").write_text(
        f"def reply(batch):\n    import {neighbour}\n    return [{neighbour}.WORD]\n"
    )
    assert asked(tmp_path, f"{package}.owl:reply") == [Answer(("hoot",))]


@pytest.mark.parametrize(
    ("text", "name", "said"),
    [
        ("", "{}:reply", "has no function 'reply'"),
        ("reply = 3", "{}:reply", "has no function 'reply'"),
        ("", "no_such_module_at_all:reply", "cannot be imported: ModuleNotFoundError: No module named"),
        ("x = 1\nraise RuntimeError('later')", "{}:reply", "cannot be imported: {}.py:2: RuntimeError: later"),
        ("def reply(:\n    pass", "{}:reply", "cannot be imported: {}.py:1: SyntaxError: "),
        ("import sys\nsys.exit('no')", "{}:reply", "cannot be imported: {}.py:2: SystemExit: no"),
    ],
)
def test_a_function_that_is_not_there_is_missing(tmp_path: Path, module: Any, text: str, name: str, said: str) -> None:
    """One sentence, with file and line where the module itself is wrong; the exit code says that something lacks."""
    written = module(text)
    with pytest.raises(ResponderMissing) as raised:
        function.function(name.format(written), tmp_path)
    assert said.format(written) in raised.value.message
    assert "\n" not in raised.value.message
    assert raised.value.exit_code == 6


def test_a_module_is_not_mixed_up_with_another_of_its_name(tmp_path: Path, module: Any) -> None:
    """A file beside the flow that is called like a module of Python is told to have another name."""
    with pytest.raises(ResponderMissing, match=r"random\.py is hidden by another module called random"):
        function.function(f"{module('def choice(batch): return []', 'random')}:choice", tmp_path)


def test_no_file_beside_the_flow_hides_what_we_import(tmp_path: Path, module: Any) -> None:
    """A folder is the last place where modules are sought, also for what is imported later."""
    sys.modules.pop("stringprep", None)
    module("raise RuntimeError('not this one')", "stringprep")
    asked(tmp_path, f"{module('def reply(batch): return []')}:reply")
    assert sys.path[-1] == str(tmp_path)
    assert Path(str(importlib.import_module("stringprep").__file__)).parent != tmp_path
