"""The only loop: fetch, identify, inspect, expand; budgets, isolation, coverage.

`scan.py` runs targets and makes reports, `pool.py` supervises the worker processes, `worker.py`
is one of them, `wire.py` is what the two say to each other, `tree.py` walks an artifact and all
that is nested in it, `dispatch.py` says which analyzer reads which format.

Other engines are asked only if the user wants it: `panel.py` is who is asked, `asking.py` the
supervisor's part, `second_opinion.py` the worker's, `agreement.py` compares what they say with ours.
"""
