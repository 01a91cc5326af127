"""Native code, bytecode, scripts, and files that are not what their name says."""
