"""What the command does with a trained model: one file, one command."""
