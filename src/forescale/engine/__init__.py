"""The reducer: the only place where observations, forecasts, policies and guards meet."""
