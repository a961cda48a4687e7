"""What is said on the floor: every message, the codec of each link, and the instrument arithmetic.

Nothing here imports anything beyond msgspec and the standard library; every other package imports this one.
"""
