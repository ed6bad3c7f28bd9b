"""The host under test as code sees it: the only part of the suite that touches the outside world."""
