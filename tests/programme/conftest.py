from hypothesis import HealthCheck, settings

# A rule is judged by its answer: how long one example takes depends on what else the machine does.
settings.register_profile(
    "unhurried", deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("unhurried")
