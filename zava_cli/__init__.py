"""zava: retail analytics on PostgreSQL for terminals and AI agents."""

__version__ = "0.1.0"
