"""The machinery of the suite, one room per word: see README, "How it is built"."""
