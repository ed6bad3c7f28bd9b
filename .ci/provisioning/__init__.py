"""The parts of ``.ci/provision``. Standard library only."""
