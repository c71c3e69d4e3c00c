"""Files of users: content on disk or in an object store, what is known of it in Redis."""
