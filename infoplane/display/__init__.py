"""What people see in terminals and notebooks: tables, progress bars, sizes; one file for each."""
