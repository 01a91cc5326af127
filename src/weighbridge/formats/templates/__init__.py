"""Templates of prompts: parsed to facts, never rendered."""
