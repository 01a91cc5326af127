# The types of store.py, read by Cython only. Bounds checks stay on (see setup.py).
cimport cython


cdef class Store:
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
    cdef public dict note_counts
    cdef public object wanted
    cdef public dict kids
    cdef set wrapper_classes


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
