"""The schema of the language, and the validation of data against it."""
