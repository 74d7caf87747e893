"""Speed and memory, run on demand, reported as ratios of times taken side by side in one run on one machine."""
