"""Keys. The keys of service accounts call a region; admin keys call the control plane."""
