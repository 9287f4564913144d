"""A program of the operator's answers chat: with real processes."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from run_programs import children, programs

from retake_flow.errors import MissingProgram, ResponderFailed
from retake_flow.ports.responders import Answer, Batch, Message
from retake_flow.redact import MASK, Secret
from retake_flow.responders import command as brain
from retake_flow.responders.command import CommandResponder
from retake_flow.studio.processes.launcher import Launcher

BATCH = Batch((Message("1", "mira", None, "hi €", "2026-01-01T00:00:00.000Z", "message", newcomer=True),), "owl")

# Answers with what it was asked about.
ECHO = """
import json, sys
for line in sys.stdin:
    batch = json.loads(line)
    print(json.dumps({"replies": [m["author"] + ": " + m["text"] for m in batch["messages"]]}), flush=True)
"""

Asking = Callable[[CommandResponder], Awaitable[Any]]


class Notes(list[str]):
    """What a brain said beside its answers, as the journal gets it."""

    def __call__(self, event: str, *, text: str) -> None:
        """Take a record."""
        assert event == "responder_said"
        self.append(text)


@pytest.fixture
def notes() -> Notes:
    """What the journal gets."""
    return Notes()


@pytest.fixture
def ask(request: pytest.FixtureRequest, tmp_path: Path, notes: Notes) -> Callable[..., Any]:
    """Asks a brain that is a Python program, and asserts that it leaves no process."""
    marker = f"test-{os.getpid()}-{request.node.name}"

    def ask(
        program: str,
        asking: Asking,
        timeout: str = "90s",
        environment: dict[str, str] | None = None,
        variables: Sequence[str] = (),
    ) -> Any:
        (tmp_path / "brain.py").write_text(dedent(program))
        settings = {"command": [sys.executable, "brain.py"], "timeout": timeout, "variables": variables}

        async def main() -> Any:
            launcher = Launcher(marker, {**os.environ, **(environment or {})})
            async with brain.open_responder(launcher, tmp_path, settings, notes) as running:
                return await asking(running)

        answer = asyncio.run(main())
        assert programs(marker) == []
        return answer

    return ask


async def once(running: CommandResponder) -> Answer:
    """Ask it once."""
    return await running.respond(BATCH)


async def fails(running: CommandResponder) -> str:
    """Ask it once, in vain; gives what is said of it."""
    with pytest.raises(ResponderFailed) as raised:
        await running.respond(BATCH)
    return raised.value.message


def test_a_brain_is_one_process_that_is_asked_line_by_line(ask: Any) -> None:
    """The program runs in the flow's folder, gets each batch on a line, and goes on between them."""
    program = """
        import json, os, sys
        for line in sys.stdin:
            print(json.dumps({"replies": [str(os.getpid()), os.getcwd(), json.dumps(json.loads(line))]}), flush=True)
    """

    async def twice(running: CommandResponder) -> tuple[Answer, Answer]:
        return await running.respond(BATCH), await running.respond(BATCH)

    first, second = ask(program, twice)
    assert first.replies == second.replies
    batch = json.loads(first.replies[2])
    assert set(batch) == {"messages", "agent", "recent", "seen_before", "stream", "occasion", "direction"}
    assert batch["messages"] == [
        {"id": "1", "author": "mira", "user_id": None, "text": "hi €", "at": "2026-01-01T00:00:00.000Z",
         "type": "message", "newcomer": True, "amount": None}
    ]  # fmt: skip


def test_a_brain_is_asked_in_silence_too(ask: Any) -> None:
    """The batch has the occasion and the direction of the operator, though there is no message."""
    program = """
        import json, sys
        for line in sys.stdin:
            batch = json.loads(line)
            said = [batch["occasion"], batch["direction"], len(batch["messages"])]
            print(json.dumps({"replies": [json.dumps(said)]}), flush=True)
    """

    async def silent(running: CommandResponder) -> Answer:
        return await running.respond(Batch((), "owl", occasion="silence", direction="moths"))

    assert json.loads(ask(program, silent).replies[0]) == ["silence", "moths", 0]


def test_the_folder_is_that_of_the_flow(ask: Any, tmp_path: Path) -> None:
    """A file beside the flow is found by its name alone."""
    program = 'import json, os; input(); print(json.dumps({"replies": [os.getcwd()]}), flush=True); input()'
    assert ask(program, once).replies == (str(tmp_path.resolve()),)


def test_a_brain_gets_no_secret_of_ours(ask: Any) -> None:
    """Neither the access token nor any other setting of ours is in its environment or arguments."""
    program = """
        import json, os, sys
        for line in sys.stdin:
            print(json.dumps({"replies": [json.dumps([dict(os.environ), sys.argv])]}), flush=True)
    """
    given = {"RETAKE_ACCESS_TOKEN": "rtk_token_of_ours", "RETAKE_FLOW_NOTIFY": "json://secret", "OWN": "comes",
             "OTHER_API_KEY": "stays", "HTTPS_PROXY": "http://gate:1"}  # fmt: skip
    environment, arguments = json.loads(ask(program, once, environment=given, variables=("OWN",)).replies[0])
    assert (environment["OWN"], environment["HTTPS_PROXY"]) == ("comes", "http://gate:1")
    assert "OTHER_API_KEY" not in environment
    assert {name for name in environment if name.startswith("RETAKE_")} == {"RETAKE_FLOW_RUN", "RETAKE_FLOW_PROCESS"}
    assert arguments == ["brain.py"]


def test_a_brain_that_lacks_a_variable_fails_with_a_hint(ask: Any) -> None:
    """The hint says what to write into the flow; the value itself is nowhere."""
    given = {"OWL_API_KEY": "owl-secret-value"}
    with pytest.raises(ResponderFailed, match="before it answered") as raised:
        ask('import os; input(); os.environ["OWL_API_KEY"]', once, environment=given)
    assert raised.value.hint.endswith("variables: [OWL_API_KEY]")
    assert "owl-secret-value" not in f"{raised.value.message} {raised.value.hint}"


def test_a_brain_that_dies_is_started_again(ask: Any, notes: Notes) -> None:
    """Killed between two batches it answers the next one as another process, and the journal says why."""

    async def killed(running: CommandResponder) -> tuple[Answer, Answer]:
        first = await running.respond(BATCH)
        (victim,) = children(os.getpid(), word="brain.py")
        victim.kill()
        process = running._process
        assert process is not None
        await process.wait()
        return first, await running.respond(BATCH)

    first, second = ask(ECHO, killed)
    assert first == second == Answer(("mira: hi €",))
    assert len(notes) == 1
    assert "was killed by signal 9; it is started again" in notes[0]


def test_a_brain_may_end_after_each_answer(ask: Any) -> None:
    """A script that reads one line and ends is started for each batch."""
    program = 'import json, sys; input(); print(json.dumps({"replies": ["once"]}))'

    async def twice(running: CommandResponder) -> list[Answer]:
        answers = [await running.respond(BATCH)]
        assert running._process is not None
        await running._process.wait()
        return [*answers, await running.respond(BATCH)]

    assert ask(program, twice) == [Answer(("once",))] * 2


def test_a_brain_that_dies_over_a_batch_has_failed(ask: Any, notes: Notes) -> None:
    """Its last words are in the message and in the journal; afterwards it is asked again as a new process."""
    program = """
        import json, os, sys
        for line in sys.stdin:
            if not os.path.exists("second"):
                open("second", "w").close()
                sys.exit("no idea")
            print('{"replies": ["yes"]}', flush=True)
    """

    async def again(running: CommandResponder) -> tuple[str, Answer]:
        return await fails(running), await running.respond(BATCH)

    message, answer = ask(program, again)
    assert message.endswith("ended with status 1: no idea before it answered")
    assert answer == Answer(("yes",))
    assert notes == ["no idea"]


def test_a_brain_that_thinks_for_too_long_has_failed(ask: Any) -> None:
    """After its time it is ended, though it ignores the request to, and is started anew."""
    program = """
        import signal, sys, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        for line in sys.stdin:
            time.sleep(300)
    """
    assert ask(program, fails, timeout="500ms").endswith("gave no answer within 500ms")


@pytest.mark.parametrize(
    "said",
    [
        "thinking...",
        "[]",
        '{"say": "x"}',
        '{"replies": "x"}',
        '{"replies": [1]}',
        "\\xff\\xfe",
        "[" * 50_000,
        "9" * 5000,
    ],
)
def test_an_answer_that_is_none_has_failed(ask: Any, said: str) -> None:
    """The message shows what came and what was expected, and no traceback."""
    program = f"""
        import sys
        for line in sys.stdin:
            sys.stdout.buffer.write(b'{said}\\n'); sys.stdout.flush()
    """
    message = ask(program, fails)
    assert 'which is no {"replies": ["…"]}' in message
    assert len(message) < 300


def test_an_endless_line_has_failed(ask: Any) -> None:
    """A program that never ends its line does not fill our memory."""
    program = "import sys\ninput()\nwhile True: sys.stdout.write('x' * 65536)"
    assert 'which is no {"replies"' in ask(program, fails)


def test_a_line_that_nobody_asked_for_is_no_answer(ask: Any, notes: Notes) -> None:
    """A line too many is written down and not taken for the answer to the next batch."""
    program = """
        import json, sys
        for number, line in enumerate(sys.stdin):
            print(json.dumps({"replies": [str(number)]}))
            print(json.dumps({"replies": ["too many"]}), flush=True)
    """

    async def twice(running: CommandResponder) -> list[Answer]:
        answers = [await running.respond(BATCH)]
        lines = running._answers
        lines._news.clear()
        if not lines._whole:
            await lines._news.wait()
        return [*answers, await running.respond(BATCH)]

    assert ask(program, twice) == [Answer(("0",)), Answer(("1",))]
    assert notes == ['not asked: {"replies": ["too many"]}']


def test_standard_error_goes_to_the_journal(ask: Any, notes: Notes) -> None:
    """In short lines, without escape sequences and secrets, and not more of them than anybody reads."""
    Secret("a-token-that-leaks")
    program = """
        import sys
        for line in sys.stdin:
            print("\\x1b[31mred\\x1b[0m a-token-that-leaks", file=sys.stderr)
            print("x" * 5000, file=sys.stderr)
            for number in range(100):
                print(number, file=sys.stderr)
            sys.exit(1)
    """
    ask(program, fails)
    assert notes[0] == f"red {MASK}"
    assert len(notes[1]) <= 300
    assert notes[2:] == [*map(str, range(18)), "and 82 more lines"]


def test_a_brain_that_is_not_there_is_missing(tmp_path: Path, notes: Notes) -> None:
    """A program that cannot be found, or whose folder is gone, is an error that says so."""

    async def main(command: str, folder: Path) -> None:
        async with brain.open_responder(Launcher("test", os.environ), folder, {"command": [command]}, notes) as running:
            await running.respond(BATCH)

    with pytest.raises(MissingProgram, match=r"responder's program .*brain\.sh does not exist"):
        asyncio.run(main("./brain.sh", tmp_path))
    with pytest.raises(ResponderFailed, match="is not there any more"):
        asyncio.run(main("sh", tmp_path / "gone"))


def test_a_brain_ends_with_its_activity(ask: Any) -> None:
    """Left while it thinks, it ends with everything it has started."""
    program = """
        import subprocess, sys, time
        input()
        subprocess.Popen(["sleep", "300"], start_new_session=True)
        print('{"replies": []}', flush=True)
        input()
        time.sleep(300)
    """

    async def left_alone(running: CommandResponder) -> None:
        await running.respond(BATCH)
        thinking = asyncio.create_task(running.respond(BATCH))
        await asyncio.sleep(0)
        thinking.cancel()
        await asyncio.wait([thinking])

    ask(program, left_alone)


def test_a_flood_between_two_batches_is_not_kept(ask: Any, notes: Notes) -> None:
    """A program that writes without being asked fills neither our memory nor the journal."""
    program = """
        import json, sys
        for number, line in enumerate(sys.stdin):
            print(json.dumps({"replies": [str(number)]}), flush=True)
            if number == 0:
                print("\\n".join(["x"] * 50_000), flush=True)
                print("\\n".join(["y"] * 50_000), file=sys.stderr, flush=True)
                print("over", file=sys.stderr, flush=True)
    """

    async def flooded(running: CommandResponder) -> None:
        over, hear = asyncio.Event(), running._hear

        def heard(line: str) -> None:
            hear(line)
            if line == "over":
                over.set()

        running._hear = heard  # type: ignore[method-assign]
        await running.respond(BATCH)
        await over.wait()
        assert len(running._said) + len(running._answers._whole) <= 40

    ask(program, flooded)
    assert len(notes) <= 21
