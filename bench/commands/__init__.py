"""What each command does and prints, behind the command line."""
