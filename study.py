"""Compare groups of networks and judge published claims: `python study.py --help`."""

from dynalign.cli.study import main

if __name__ == "__main__":
    main()
