"""The commands, one file a subject: each parses and calls, and imports what it needs when it runs."""
