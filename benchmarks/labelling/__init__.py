"""The labelling page, answered by a script that knows the truth."""
