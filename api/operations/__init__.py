"""What whoever runs the service needs: health, metrics, backup and restore."""
