"""The detection table: every check of the gate is proven able to fail.

A row breaks a healthy host in one way, lets the real gate judge it, and says exactly which checks turn red, which are
warned and which cannot be judged, and in which words; then it mends the host, and all must be as green as before.

    row.py                      what a row is, and what is wrong with a judgement that is unlike it (pure)
    breaks.py, redis_breaks.py  the ways to break a host
    table_*.py                  the rows, by the runbook's sections
    stage.py                    where rows are played, one after the other
"""
