"""forescale: capacity that is ready when the load arrives."""

__version__ = "0.1.0"
