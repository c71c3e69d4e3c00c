"""The gateway as the command line sees it."""
