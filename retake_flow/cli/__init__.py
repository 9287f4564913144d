"""Command line: parses arguments, calls the program and renders the results, with one module per command."""
