"""Inputs of a run: fixed in the flow, given, read from the environment or a file, or left at their defaults."""

from __future__ import annotations

import os
from collections.abc import Container, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from retake_flow import plain_file
from retake_flow.errors import InputError, UsageError
from retake_flow.flow.diagnostics import Problem
from retake_flow.flow.fields import is_secret, mismatch, read
from retake_flow.flow.load.builder import entries
from retake_flow.flow.model import Flow, Input, State, SubFlowState
from retake_flow.flow.text.locate import Folders
from retake_flow.flow.text.tree import Node
from retake_flow.redact import Secret
from retake_flow.sanitize import one_line
from retake_flow.settings import is_credentials

_LARGEST = 64 * 1024  # bytes of an input's file


def resolve(flow: Flow, given: Mapping[str, Any]) -> dict[str, Any]:
    """The value of every input.

    Texts among those `given` are converted to the declared type (`--set tries=3`); defaults include values from the
    environment and files (`with_provided_inputs`).

    Raises:
        InputError: One is unknown, missing, of a wrong type, or not allowed on the command line; the error lists all.
    """
    refused = {name: said for name in given if (said := _refusal(flow.inputs.get(name)))}
    allowed = {name: value for name, value in given.items() if name not in refused}
    found = read({name: declared.schema for name, declared in flow.inputs.items()}, allowed)
    problems = [f"the flow {flow.name!r} has no input {name!r} ({hint})" for name, hint in found.unknown.items()]
    problems += refused.values()
    problems += [f"the input {name!r} {said}" for name, said in found.unfit.items()]
    problems += [_missing(flow.inputs[name]) for name in found.missing]
    if problems:
        raise InputError("\n".join(problems))
    return found.values


def with_provided_inputs(flow: Flow, environment: Mapping[str, str], file: str = "") -> Flow:
    """The flow with values from the environment and files as defaults of its inputs and its sub-flows' inputs.

    `file` is the current path of the flow's file, if it was loaded under another name.

    Raises:
        InputError: A file cannot be read, a value has a wrong type, or a sub-flow lacks one that nothing else gives.
    """
    problems: list[str] = []
    reading = _Provision(environment, flow, file or flow.file, problems)
    inputs = {name: reading.with_value(declared) for name, declared in flow.inputs.items()}
    states = {path: reading.state_with_values(state) for path, state in flow.states.items()}
    if problems:
        raise InputError("\n".join(dict.fromkeys(problems)))
    return replace(flow, inputs=inputs, states=states)


def origins(flow: Flow, given: Container[str]) -> dict[str, str]:
    """The sources of the inputs from variables and files, by name; neither is read.

    Those `given` in another way are left out.
    """
    inner = {
        f"{state.path}/{name}": declared
        for state in flow.states.values()
        if isinstance(state, SubFlowState)
        for name, declared in state.sub.inputs.items()
        if name not in state.inputs
    }
    own = {name: declared for name, declared in flow.inputs.items() if name not in given}
    sources = {name: _origin(declared.schema) for name, declared in {**own, **inner}.items()}
    return {name: origin for name, origin in sources.items() if origin}


def _origin(schema: Mapping[str, Any]) -> str:
    places = {"env": "the variable", "file": "the file"}
    return " or ".join(f"{what} {one_line(str(schema[key]))}" for key, what in places.items() if key in schema)


def declared_inputs(tree: Node) -> dict[str, Input]:
    """The declared inputs, with their files resolved next to the flow file that names them."""
    return {name: Input(name, _input_schema(node), node.key) for name, node in entries(tree, "inputs")}


def _input_schema(node: Node) -> Mapping[str, Any]:
    schema, file = dict(node.data), node.get("file")
    if file is not None and not file.value.startswith("~/"):
        schema["file"] = str(Path(file.at.file).parent / file.value)
    return schema


def flaws(tree: Node) -> Iterator[Problem]:
    """Problems with the declared inputs that the schema cannot express."""
    for name, node in tree.entries("inputs").items():
        schema = node.data
        if schema.get("secret"):
            for key in ("default", "value"):
                if key in schema:
                    message = f"the input {name!r} is secret, but everyone who can read this file can read it"
                    hint = "remove it, and set where it comes from: `env: NAME` or `file: PATH`"
                    yield Problem(node.value[key].key, "RF047", message, hint)
            if schema["type"] != "string":
                yield Problem(node.value["type"].at, "RF047", f"the secret input {name!r} must be a string")
        elif "value" in schema:
            said = mismatch(schema["value"], schema)
            if said:
                yield Problem(node.value["value"].at, "RF044", f"the value of the input {name!r} {said}")


def _refusal(declared: Input | None) -> str:
    """Why an input must not be given on the command line, or nothing."""
    if declared is not None and "value" in declared.schema:
        return f"the input {declared.name!r} is fixed at {declared.position}; change it there"
    if declared is not None and declared.schema.get("secret"):
        said = f"the input {declared.name!r} is secret, and others can read the command line"
        return f"{said}; {_ways_to_set(declared)}"
    return ""


def _missing(declared: Input) -> str:
    """The message about a required input: what it is, and how to give it."""
    about = str(declared.schema.get("description", "")).strip()
    said = f"the input {declared.name!r} is missing; {_ways_to_set(declared)}"
    return f"{said}. It is: {about}" if about else said


def _ways_to_set(declared: Input) -> str:
    """The ways in which a person can give an input."""
    name, schema = declared.name, declared.schema
    ways = [f"set the variable {schema['env']}"] if "env" in schema else []
    ways += [f"write it into the file {schema['file']}"] if "file" in schema else []
    if not schema.get("secret"):
        ways.append(f"give it with --set {name}=…")
    return ", or ".join(ways) or f"say at {declared.position} where it comes from: `env: NAME` or `file: PATH`"


class _Provision:
    """Reads inputs from their declared sources."""

    def __init__(self, environment: Mapping[str, str], flow: Flow, now: str, problems: list[str]) -> None:
        self._environment = environment
        self._loaded = flow.file
        self._now = now
        self._within = Folders.beside(now, flow.sources.allowed)
        self._problems = problems

    def with_value(self, declared: Input) -> Input:
        """An input with the found value as its default."""
        origin, text = self._find(declared)
        if text is None:
            return declared
        name, schema = declared.name, declared.schema
        given = Secret(text) if is_secret(schema) else text
        found = read({name: schema}, {name: given})
        if found.unfit:  # a message about a value may quote it
            wanted = "" if schema.get("type", "string") == "string" else f" the type {schema['type']}"
            self._problems.append(f"the input {name!r}, from {origin}, does not fit{wanted}; its value is not shown")
        return replace(declared, schema={**schema, "default": found.values[name]})

    def state_with_values(self, state: State) -> State:
        """A state whose sub-flow has the found values as defaults of its inputs."""
        if not isinstance(state, SubFlowState):
            return state
        inputs = {name: self.with_value(declared) for name, declared in state.sub.inputs.items()}
        for name, declared in inputs.items():
            outside = {"env", "file"} & declared.schema.keys()
            if outside and not {"default", "optional"} & declared.schema.keys() and name not in state.inputs:
                way = _ways_to_set(declared).partition(", or give it")[0]
                self._problems.append(f"the input {name!r} of the flow in {state.path!r} is missing; {way}")
        return replace(state, sub=replace(state.sub, inputs=inputs))

    def _find(self, declared: Input) -> tuple[str, str | None]:
        """The value of an input from outside the flow, and its source."""
        variable = declared.schema.get("env", "")
        text = self._environment.get(variable) if variable else None
        if text:  # an empty variable counts as unset
            return f"the variable {variable}", text
        file = declared.schema.get("file")
        return ("", None) if file is None else (f"the file {one_line(file)}", self._content(declared, self._path(file)))

    def _path(self, file: str) -> str:
        if file.startswith("~/"):
            return os.path.join(self._environment.get("HOME", "/"), file[2:])
        if os.path.isabs(file):
            return file
        return os.path.join(os.path.dirname(self._now), os.path.relpath(file, os.path.dirname(self._loaded) or "."))

    def _content(self, declared: Input, path: str) -> str | None:
        if is_credentials(path, self._environment):
            self._problems.append(f"the input {declared.name!r} cannot be the credentials file {one_line(path)}")
            return None
        try:
            self._within.require(path, file=True)
            content = plain_file.read(path, _LARGEST)
            return content.decode("utf-8-sig").removesuffix("\n").removesuffix("\r")
        except FileNotFoundError:
            return None
        except UsageError as error:
            self._problems.append(f"the input {declared.name!r}: {error.message} ({error.hint})")
            return None
        except OSError as error:
            said = f"cannot be read: {error.strerror}"
        except ValueError:
            said = "is not UTF-8 text"
        self._problems.append(f"the file {one_line(path)} of the input {declared.name!r} {said}")
        return None
