"""Store: keeps runs so that they survive the process."""
