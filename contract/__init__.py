"""What an order, its row and its event look like; pure, imports no other room, and opens no connection."""
