from weighbridge.formats.pickle.store import Store

IS_COMPILED: bool
HALT_STOP: int
HALT_TRUNCATED: int
HALT_BAD_OPCODE: int
HALT_UNDERFLOW: int
HALT_NO_MARK: int
HALT_MEMO_MISS: int
HALT_BAD_PROTOCOL: int
HALT_NEGATIVE_LENGTH: int
HALT_ODD_ITEMS: int
HALT_BAD_MEMO_INDEX: int
HALT_EVENT_LIMIT: int
HALT_RAW_ARRAY: int

class Machine(Store):
    def run(self) -> int: ...
