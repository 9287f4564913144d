"""`python -m retake_flow` is `retake-flow`."""

from retake_flow.cli.main import entry

if __name__ == "__main__":
    entry()
