"""Dead letters: found, opened by who holds the key, and dealt with."""
