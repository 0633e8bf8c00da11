"""`python -m bench`, the same as the console script `bench`."""

from bench.cli.app import main

if __name__ == "__main__":
    main()
