"""The checkers: one file for each thing that is judged. They know no world, only what was observed of it."""
