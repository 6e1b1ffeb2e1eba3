"""From the studio to the world: one app, or the hub, as a folder for a Hugging Face Space or for Docker."""
