"""What the integration tests stand on: the gateway under test, scripted next hops, raw SMTP clients."""
