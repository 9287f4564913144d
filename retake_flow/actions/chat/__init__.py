"""Chat: reading, answering and sending messages."""
