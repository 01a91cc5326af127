"""Templates of prompts: what they reach, and what they say behind the user's back."""
