"""Fuzzing of what bytes from outside meet first: `target` judges, `engine` runs the fuzzer."""
