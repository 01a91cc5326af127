"""Gates between registries: scan what arrived, mark it, promote it only when the policy passes."""
