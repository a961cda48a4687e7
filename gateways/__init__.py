"""Who touches the outside: venues behind one contract, and the order gate that every order passes."""
