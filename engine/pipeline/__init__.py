"""A log on disk -> a run: training, folds, tuning, transfer."""
