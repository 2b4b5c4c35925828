"""Passes: functions of the IR to functions of the IR. `pipeline` is the list in which they run."""
