"""Web: the operator's page. It shows what the store holds, and does what the commands do."""
