"""The words of the product: artifact, finding, coverage, report, limits. Pure data."""
