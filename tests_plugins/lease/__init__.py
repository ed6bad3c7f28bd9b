"""The lease and the lock: who undoes what, and when."""
