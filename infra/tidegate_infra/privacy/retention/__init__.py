"""How long everything is kept, by policy and as measured: `tidegate privacy report`."""
