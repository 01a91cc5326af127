"""argv -> request -> scan -> render -> exit code. No logic."""
