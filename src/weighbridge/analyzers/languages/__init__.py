"""Serialization of other languages: R, Java, Julia, MATLAB."""
