"""Tests with packages from outside; `make test-integrations` installs and runs them."""
