"""What `outcry new-strategy` writes, under the name that it is given; linted, typed and tested as it is."""
