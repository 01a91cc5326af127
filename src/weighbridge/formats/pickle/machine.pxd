# The types of machine.py, read by Cython only. Bounds checks stay on (see setup.py).
cimport cython

cdef class Machine:
    cdef const unsigned char[::1] data
    cdef public Py_ssize_t pos, start, at, end
    cdef Py_ssize_t sp, mark_count, memo_count, wrapper
    cdef public Py_ssize_t frame_end
    cdef long long[::1] stack, marks, memo, event_table
    cdef public dict sparse_memo
    cdef public Py_ssize_t event_count, max_events
    cdef public bint events_dropped, used_put, used_memoize
    cdef public int protocol
    cdef public list note_list
    cdef public object wanted
    cdef public dict kids
    cdef set wrapper_classes

    @cython.locals(
        data="const unsigned char[::1]", fixed="const unsigned char[::1]", counted="const unsigned char[::1]",
        stack="long long[::1]", memo="long long[::1]",
        capacity=Py_ssize_t, pos=Py_ssize_t, end=Py_ssize_t, sp=Py_ssize_t, fence=Py_ssize_t,
        barrier=Py_ssize_t, at=Py_ssize_t, index=Py_ssize_t, value=Py_ssize_t, length=Py_ssize_t,
        size=Py_ssize_t, low=Py_ssize_t, op=int, halt=int,
    )
    cpdef int run(self) except -2
    @cython.locals(target=Py_ssize_t, stop=Py_ssize_t, size=Py_ssize_t, end=Py_ssize_t)
    cdef int _rare(self, int op, Py_ssize_t pos, Py_ssize_t sp, Py_ssize_t fence) except -2
    cdef int _push(self, Py_ssize_t value, Py_ssize_t sp, Py_ssize_t pos) except -2
    @cython.locals(first=Py_ssize_t, second=Py_ssize_t, last=Py_ssize_t)
    cdef int _import_lines(self, int op, Py_ssize_t pos, Py_ssize_t sp, Py_ssize_t fence) except -2
    @cython.locals(length=Py_ssize_t, stop=Py_ssize_t)
    cdef int _frame(self, Py_ssize_t pos) except -2
    @cython.locals(protocol=int)
    cdef int _proto(self, Py_ssize_t pos) except -2
    @cython.locals(stop=Py_ssize_t, index=Py_ssize_t, value=Py_ssize_t)
    cdef int _text_memo(self, int op, Py_ssize_t pos, Py_ssize_t sp, Py_ssize_t fence) except -2
    cdef Py_ssize_t _index(self, Py_ssize_t start, Py_ssize_t stop) except -2
    @cython.locals(before=Py_ssize_t)
    cdef void _put(self, Py_ssize_t index, Py_ssize_t value, Py_ssize_t at) except *
    cdef Py_ssize_t _get(self, Py_ssize_t index) except -2
    @cython.locals(value=Py_ssize_t, step=Py_ssize_t)
    cdef Py_ssize_t _length(self, Py_ssize_t offset, Py_ssize_t size) except -2
    @cython.locals(end=Py_ssize_t)
    cdef Py_ssize_t _line_end(self, Py_ssize_t pos) except -2
    @cython.locals(offset=Py_ssize_t)
    cdef bint _is_plain_number(self, Py_ssize_t start, Py_ssize_t stop, bint is_long) except -1
    cdef bint _is_wrapper_name(self, Py_ssize_t start, Py_ssize_t stop) except -1
    cdef bint _ends_with_wrapper(self, Py_ssize_t value) except -1
    @cython.locals(slot=Py_ssize_t)
    cdef void _keep(self, Py_ssize_t container, Py_ssize_t low, Py_ssize_t high) except *
    @cython.locals(base=Py_ssize_t, table="long long[::1]")
    cdef void _event(self, Py_ssize_t at, Py_ssize_t a, Py_ssize_t b, Py_ssize_t c) except *
    cdef void _note(self, int code, Py_ssize_t at) except *
    @cython.locals(grown="long long[::1]")
    cdef void _grow_stack(self, Py_ssize_t used) except *
    @cython.locals(grown="long long[::1]")
    cdef void _grow_marks(self) except *
    @cython.locals(grown="long long[::1]", sparse=Py_ssize_t)
    cdef void _grow_memo(self, Py_ssize_t index) except *
    @cython.locals(grown="long long[::1]")
    cdef void _grow_events(self, Py_ssize_t used) except *
