"""The report of a run or sweep: networks, how they learned, and how alike they are."""
