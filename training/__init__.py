"""What is trained for this project, and the texts that it is trained on."""
