"""How does the outside speak? One provider a file: send, inquire, read a callback, one table of codes."""
