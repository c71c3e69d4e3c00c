"""What a user with a hundred waiting jobs costs another who has one."""
