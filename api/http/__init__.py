"""What every resource shares of HTTP: problems, who asks, changes, cursors, limits, observation."""
