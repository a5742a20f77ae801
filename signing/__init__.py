"""Is it what was sealed, and by whom? Makes and judges seals; opens no file and no socket."""
