"""Second opinions: what other engines make of an artifact, behind one protocol.

`interface.py` is the protocol, `registry.py` the list of engines, and each of the others is one
engine. They can add a finding; they never remove or lower one, and a skip of theirs is no clean
bill. None runs unless the user asks for it, so a verdict never depends on what is installed.
"""
