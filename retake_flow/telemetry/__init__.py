"""What a host tells of its runs to programs that watch it: metrics, health and traces."""
