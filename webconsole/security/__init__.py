"""Who may sign in and what they may do: users, tokens, roles, throttled logins, response headers."""
