"""Studio: the programs that make the stream: display, window manager, content window, encoder, screenshots."""
