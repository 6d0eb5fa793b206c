"""The report of metrics that were put to the test: a leaderboard, and what every test case made of them."""
