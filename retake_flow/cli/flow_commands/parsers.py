"""Parsers: the arguments of each command, whose help is the docstring of its function."""

from __future__ import annotations

from typing import Any

from retake_flow.cli.arguments import add_allow_outside, add_flow, add_json, add_set

_FLOWS_EPILOG = """\
`plan NAME` shows what a run of it would do, `show-flow NAME` prints it, and `init` extends it.
"""
_CHECK_EPILOG = """\
exit codes:
  0  all flows can run, even with warnings
  2  a flow does not exist or cannot be read; the others are checked anyway
  3  a flow has mistakes and cannot run
"""
_PLAN_EPILOG = """\
what can be assumed:
  credentials=missing            how an action, a program or a question of a state or an activity ends
  session=error.rejected         an error
  post=decline                   what a person decides; post=timeout: nobody answers
  on_air=stop                    what comes from outside in a state
  verification.verified=false    what a result or an answer holds
"""
STANDARD_INPUT = "-"
_SIMULATE_EPILOG = """\
a line of the script is one of:
  {"event": "NAME", "data": {…}}                             {"advance": "2s"}
  {"result": {"state": "…", "outcome": "done", "value": {…}}}
  {"error": {"state": "…", "type": "http", "status": 503}}
  {"answer": {"gate": "…", "decision": "…", "fields": {…}, "by": "…"}}
what it writes is described in docs/simulation.md
"""
_TEST_EPILOG = """\
FEATURES are .feature files, or folders of them; by default the folder `features` next to the flow. No Python in these
folders is run without --python.

Actions are mocked: an action that a scenario does not mention succeeds. docs/testing.md has a tutorial and all steps.
"""
_PATHS_EPILOG = """\
With --gherkin it writes a scenario for each transition, tried in virtual time. If no steps are found that take the
transition, a comment says what to fill in. Redirect the output into a file and edit it.
"""


def flows(parser: Any) -> None:
    """List the shipped flows, with what they do."""
    parser.epilog = _FLOWS_EPILOG
    add_json(parser, "one JSON object, with their inputs")


def init(parser: Any) -> None:
    """Write a first flow for an agent, for you to edit."""
    parser.add_argument("name", metavar="NAME", help="the flow's name: lowercase letters, digits and -")
    parser.add_argument("--extends", metavar="FLOW", default="go-live.yaml", help="the flow to extend")
    parser.add_argument("--output", metavar="FILE", help="where to write it; default: NAME.yaml")
    parser.add_argument("--force", action="store_true", help="overwrite an existing file")
    add_allow_outside(parser)
    add_json(parser)


def check(parser: Any) -> None:
    """Report all problems of flows before anything runs."""
    parser.epilog = _CHECK_EPILOG
    parser.add_argument("flows", nargs="*", metavar="FLOW", help="a file, or the name of a shipped flow (go-live.yaml)")
    parser.add_argument(
        "--format",
        choices=("text", "json", "sarif", "github"),
        default="text",
        help="text, one JSON object per flow, SARIF 2.1.0, or GitHub Actions annotations",
    )
    add_allow_outside(parser)
    parser.add_argument("--json", action="store_const", const="json", dest="format", help="the same as --format json")
    parser.add_argument("--explain", metavar="CODE", help="explain a code such as RF050, and how to fix it")


def show_flow(parser: Any) -> None:
    """Print a flow merged with what it extends, and the origin of each line."""
    add_flow(parser)
    add_allow_outside(parser)
    add_json(parser, "one JSON object: flow, origins")


def plan(parser: Any) -> None:
    """Show what a flow would do: calls, programs, questions, times."""
    parser.epilog = _PLAN_EPILOG
    add_flow(parser)
    add_set(parser)
    parser.add_argument(
        "--assume",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="an outcome or value other than the usual one; see below",
    )
    parser.add_argument(
        "--all-paths", action="store_true", help="show the shortest path to each end and each question instead"
    )
    add_allow_outside(parser)
    add_json(parser, "one JSON document")


def simulate(parser: Any) -> None:
    """Run a flow in virtual time, driven by a script."""
    parser.epilog = _SIMULATE_EPILOG
    add_flow(parser)
    parser.add_argument(
        "script", nargs="?", default=STANDARD_INPUT, metavar="SCRIPT", help="JSON Lines; or - for standard input"
    )
    parser.add_argument("--mock", metavar="FILE", help="YAML or JSON: results of mocked actions and states")
    parser.add_argument("--start", action="store_true", help="also print an object for the start, before any line")
    add_set(parser)
    add_allow_outside(parser)
    add_json(parser, "one JSON object per line, as by default")


def test(parser: Any) -> None:
    """Run Gherkin scenarios on a flow, in virtual time."""
    parser.epilog = _TEST_EPILOG
    add_flow(parser, nargs="?")
    parser.add_argument("features", nargs="*", metavar="FEATURES", help="feature files or folders")
    parser.add_argument("-k", dest="select", default="", metavar="EXPR", help="only matching scenarios, like pytest -k")
    parser.add_argument("--mock", metavar="FILE", help="YAML or JSON: results of mocked actions and states")
    parser.add_argument("--phrases", action="append", default=[], metavar="FILE", help="YAML: phrases of your own")
    add_set(parser)
    parser.add_argument(
        "--coverage",
        choices=("short", "full", "off"),
        default="short",
        help="how to report uncovered states and transitions; default: short",
    )
    parser.add_argument(
        "--python", action="store_true", help="run each conftest.py next to the features, for its steps"
    )
    parser.add_argument("--steps", action="store_true", help="list all steps for scenarios")
    add_allow_outside(parser)
    add_json(parser, "one JSON object per scenario, and one for all")


def paths(parser: Any) -> None:
    """Show the shortest path through each transition of a flow."""
    parser.epilog = _PATHS_EPILOG
    add_flow(parser)
    parser.add_argument("--gherkin", action="store_true", help="write a scenario for each path")
    parser.add_argument(
        "--uncovered", nargs="+", metavar="FEATURES", help="only transitions that no scenario in FEATURES takes"
    )
    parser.add_argument("--python", action="store_true", help="run each conftest.py next to FEATURES, for its steps")
    add_set(parser)
    add_allow_outside(parser)
    add_json(parser, "one JSON object per transition")


def graph(parser: Any) -> None:
    """Draw a flow, or the state of a run in it."""
    parser.add_argument("flow", metavar="FLOW", nargs="?", help="a file, or the name of a shipped flow")
    parser.add_argument(
        "--format", choices=("mermaid", "dot", "svg", "png"), default="mermaid", help="default: mermaid"
    )
    parser.add_argument("--output", metavar="FILE", help="write there instead of to standard output")
    parser.add_argument("--folded", action="store_true", help="draw each sub-flow as one state")
    parser.add_argument(
        "--run",
        metavar="RUN",
        help="mark the state of a run (its id, a prefix of it, or last) in the flow that it began with",
    )
    parser.add_argument("--rules", action="store_true", help="note in each state the rules that hold there")
    add_allow_outside(parser)
    add_json(parser, "one JSON object with the diagram")


def actions(parser: Any) -> None:
    """List the actions that a flow can use."""
    parser.add_argument("name", nargs="*", metavar="ACTION", help="only these (or groups, such as `studio`)")
    add_json(parser, "one JSON object per action")


def schema(parser: Any) -> None:
    """Print the JSON Schema of flow files, for editors."""
    parser.add_argument(
        "--with-plugins", action="store_true", help="with the actions of installed packages, which are only read"
    )
    add_json(parser, "the schema on one line")
