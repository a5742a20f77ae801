"""The steps of `signing.verify`, one module per kind of file or proof. Nothing here is shared with what writes them."""
