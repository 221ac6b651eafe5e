"""Rights of the people that events are about: to have them erased, to get them, and to know what came of it."""
