"""The staging host's backend: what the runbook's checks ask, and no more. It can be told to misbehave."""
