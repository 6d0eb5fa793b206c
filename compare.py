"""Compare recordings with each other: `python compare.py --help`."""

from dynalign.cli.compare import main

if __name__ == "__main__":
    main()
