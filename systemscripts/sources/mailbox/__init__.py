"""Read a mailbox: its connection, whose mails count, and the attachments of a mail."""
