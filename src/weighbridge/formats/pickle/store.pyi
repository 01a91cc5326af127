from array import array

from weighbridge.formats.pickle.literals import Buffer

NOTE_PROTOCOL_REPEATED: int
NOTE_PROTOCOL_LATE: int
NOTE_FRAME_CROSSED: int
NOTE_FRAME_NESTED: int
NOTE_FRAME_TOO_LONG: int
NOTE_MEMO_OVERWRITTEN: int
NOTE_MEMO_SPARSE: int
NOTE_NUMBER_TEXT: int
NOTE_STOP_IN_FRAME: int
NOTE_MEMO_MIXED: int

class Store:
    pos: int
    start: int
    at: int
    end: int
    protocol: int
    wanted: frozenset[int] | None
    kids: dict[int, list[int]]
    def __init__(
        self, data: Buffer, start: int, end: int, max_events: int, wanted: frozenset[int] | None = None
    ) -> None: ...
    @property
    def events(self) -> array[int]: ...
    @property
    def notes(self) -> list[tuple[int, int]]: ...
    @property
    def top(self) -> int: ...
