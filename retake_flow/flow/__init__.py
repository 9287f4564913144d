"""The language: YAML in, a frozen model or a list of problems out."""
