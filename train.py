"""Train networks and compare their dynamics: `python train.py --help`."""

from dynalign.cli.train import main

if __name__ == "__main__":
    main()
