# The types of machine.py, read by Cython only. Bounds checks stay on (see setup.py).
cimport cython
from weighbridge.formats.pickle.store cimport Store


cdef class Machine(Store):
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
