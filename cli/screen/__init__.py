"""What people see: text, progress, tables, errors."""
