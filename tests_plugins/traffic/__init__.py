"""The traffic: what is asked while a fault is played."""
