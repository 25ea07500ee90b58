"""The words everything else is written in: frozen values, units, protocols and the error tree.

Values are `msgspec.Struct`s: frozen, cheap to make (the reducer makes a handful per step)
and with one canonical JSON form, on which replay equality rests. Settings are pydantic
models, because people write them and deserve good errors. Nothing here imports another
room, and importing `forescale.model.<values>` loads neither pydantic nor numpy.

Times are seconds since the epoch (UTC); durations are seconds; demand and capacity are in
instances; utilisation is a ratio (1.0 = one instance's full capacity) unless a name says percent.
"""
