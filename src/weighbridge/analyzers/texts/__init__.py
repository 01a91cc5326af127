"""What any text may hold, whoever it is for: secrets, hidden characters, words for machines."""
