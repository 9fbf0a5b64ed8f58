"""Real servers, clients, bad networks and certificates for the interop tests."""
