"""Language model responder."""
