"""Put metrics to test cases whose answers are known: `python testcase.py --help`."""

from dynalign.cli.testcase import main

if __name__ == "__main__":
    main()
