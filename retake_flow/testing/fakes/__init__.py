"""Fakes: a studio, a network and services without programs and sockets."""
