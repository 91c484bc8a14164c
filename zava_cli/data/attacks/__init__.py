"""The attacks of `zava security prove`: what they are, and how they reach the server past the guard."""
