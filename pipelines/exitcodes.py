"""The exit codes of the program; the README lists them."""

OK = 0  # all scenes done
FAILED = 1  # the job failed
WRONG_USAGE = 2  # the command line or the inputs are wrong
WITH_FAILURES = 3  # finished, with failures recorded
INTERRUPTED = 130  # stopped by SIGINT, as shells tell it
