"""What others would write to load a day of sessions: each a program of its own, so that whole processes are compared."""
