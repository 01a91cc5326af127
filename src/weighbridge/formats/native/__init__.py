"""Native code, WebAssembly, archives and shortcuts of systems."""
