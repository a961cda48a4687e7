"""Who thinks: the state machine core, the strategies, and the runtime that carries them."""
