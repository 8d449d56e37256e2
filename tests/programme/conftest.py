from hypothesis import settings

# A rule is judged by its answer: how long one example takes depends on what else the machine does.
settings.register_profile("unhurried", deadline=None, max_examples=50)
settings.load_profile("unhurried")
