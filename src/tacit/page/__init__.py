"""The labelling page: what it knows, what it writes, and the server that shows it."""
