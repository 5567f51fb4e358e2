"""A task's way through the machine: gather, decide, act, record; and the loop that serves the queue."""
