"""The whole judgement on public traces: `make evaluate` writes docs/results.md, its plots and its JSON.

What takes long (forecasts, simulations) is kept in `.cache/evaluate/` under the hash of all that it
depends on, so a run that was broken off goes on where it was.
"""
