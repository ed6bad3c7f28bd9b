"""What every part of the application uses."""
