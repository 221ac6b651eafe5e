"""Events of every protocol with a canary in every field that takes a text."""
