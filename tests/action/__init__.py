"""The GitHub Action, run step by step as a runner would."""
