"""What carries an actor: its mailbox, links, journal, clock and host process."""
