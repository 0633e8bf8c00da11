"""Parse the commands, print their results and set the exit code: a file for each command."""
