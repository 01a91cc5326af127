"""CPython's own unpicklers as the oracle of the pickle machine (design section 6).

The one place in this project where foreign bytes meet an unpickler: a child process with limits,
and a `find_class` that imports nothing and returns an inert class.
"""
