"""Who may do what: users, their sessions, their API keys."""
