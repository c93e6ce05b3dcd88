"""Real engines on this machine, for the tests and for trying: fetched once, started, waited for, stopped.

    python -m tests.cluster.engines flink     # a Flink cluster until Ctrl-C; prints the options to give dpdeblur

Everything fetched lies in `$DPDEBLUR_ENGINES` (default `~/.cache/dpdeblur-engines`).
"""
