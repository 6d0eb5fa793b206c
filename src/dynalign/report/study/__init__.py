"""Studies of groups of networks, as they are shown: verdicts on claims, accuracies, matrices and curves."""
