"""What a run leaves for people and machines, all of it rendered from the run's results."""
