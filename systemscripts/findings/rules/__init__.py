"""Rules on values: each module names the rules that it holds in RULES, and is found by being there."""
