"""The driver: reads the world, asks the engine, writes the journal, and only then acts."""
