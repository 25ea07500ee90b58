"""What people look at: decisions in words, load and capacity as pictures."""
