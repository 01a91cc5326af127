"""Programs as data: what a piece of Python, bytecode or shell would do, read without running it."""
