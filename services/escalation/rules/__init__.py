"""What due dates follow from and who is reached: decreed by people, only added to."""
