"""Programs that a pickle carries as text and hands to whatever runs them: what they are for.

The call itself is judged in `pickle_calls`; here its literal arguments are read as Python or as a
command line and classified. What is found adds to the finding of the call, it never replaces it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from weighbridge.analyzers.inspection import Context, Event
from weighbridge.core.artifact import Artifact
from weighbridge.formats.pickle.reader import is_plausible
from weighbridge.formats.pickle.trace import Stream
from weighbridge.knowledge.callables import CallableKnowledge, Judgement, Standing


def scripts(artifact: Artifact, streams: Sequence[Stream], context: Context) -> Iterator[Event]:
    """Classify the programs in the arguments of dangerous calls.

    Where no import is dangerous, nothing is read and nothing is loaded.
    """
    found = [
        (stream, dangerous)
        for stream in streams
        if _is_read(stream) and (dangerous := _dangerous(stream, context.callables))
    ]
    if not found:
        return
    # Parsers of Python and of shells, and the tables of payloads: only for files that need them.
    from weighbridge.analyzers.pickle.programs import Search

    search = Search(artifact, context.callables)
    for stream, dangerous in found:
        yield from search.read(stream, dangerous)
    yield from search.limits()


def _is_read(stream: Stream) -> bool:
    """False for bytes behind a pickle that only look like opcodes."""
    return stream.start == 0 or stream.flattened is not None or is_plausible(stream)


def _dangerous(stream: Stream, knowledge: CallableKnowledge) -> dict[int, Judgement]:
    """Imports that can do harm, by the value that they push."""
    known: dict[tuple[str, str], Judgement] = {}
    found: dict[int, Judgement] = {}
    for one in stream.imports():
        if one.module is None or one.name is None:
            continue
        pair = (one.module, one.name)
        judgement = known.get(pair)
        if judgement is None:
            judgement = known[pair] = knowledge.judge(*pair, protocol=one.protocol)
        if judgement.standing is Standing.DANGEROUS:
            found[one.offset] = judgement
    return found
