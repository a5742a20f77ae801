"""songda (送达): court documents sealed, sent, and served with proof."""
