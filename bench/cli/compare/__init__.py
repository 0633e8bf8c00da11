"""`bench compare`: compare two stores or two files of speeds."""
