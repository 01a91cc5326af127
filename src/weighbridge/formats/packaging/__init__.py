"""How Python packages are asked for: requirement lines, install commands, versions."""
