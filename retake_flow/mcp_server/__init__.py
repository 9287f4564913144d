"""MCP server: goes live for clients of the Model Context Protocol, by the commands of the program."""
