"""Say what a run found, for people (`human`, `explain`) and for machines (`json_report`, `sarif`)."""
