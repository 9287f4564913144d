"""retake.tv over HTTP: its calls, its answers, the chat, and the credentials that open it."""
