"""Files that editors, agents, version control and servers obey: what they run, and when."""
