"""Asset checks, per partition: one module per kind of question, `evaluate` runs them over a run's days.

Each answer has numbers and says what to do. Checks of keys block what follows; the others warn.
"""
