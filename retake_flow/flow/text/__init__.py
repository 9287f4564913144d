"""YAML text and files: where the language is read and written."""
