"""Commands about the fleet: runs that any host may drive, and the hosts."""
