"""weighbridge: what would loading this model do? Scan before you load."""

__version__ = "0.1.0"
