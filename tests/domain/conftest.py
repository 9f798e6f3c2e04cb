"""How long an example of a property test takes is no failure on a busy machine."""

from hypothesis import settings

settings.register_profile("calm", deadline=None)
settings.load_profile("calm")
