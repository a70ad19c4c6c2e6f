"""What a saved model is made of; `persistence` has the functions to call."""
