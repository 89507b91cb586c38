"""What the pages show, as queries; each reads a page's worth, from a key on."""
