"""What people see in terminals and notebooks, one file for each kind of it."""
