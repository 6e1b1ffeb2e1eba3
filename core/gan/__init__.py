"""Pictures of things that do not exist, from numbers: networks, training, use, and measurement."""
