"""Parse the commands, print their results and set the exit code: one file per command."""
