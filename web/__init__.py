"""The way in over HTTP, and the live events on the way back."""
