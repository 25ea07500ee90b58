"""A simulated fleet under a recorded load, driven through the very reducer that runs live."""
