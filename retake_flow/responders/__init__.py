"""Responders: the greeter, a program, a web service, a language model or a Python function answers chat."""
