"""The clocks of each case: how they run, what they wake for, what they found late."""
