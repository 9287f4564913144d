"""Binds every scenario of every feature; the steps are shipped with the program."""

from pytest_bdd import scenarios

scenarios(".")
