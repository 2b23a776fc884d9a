"""What each is told and paid: statements of closed periods, reports of use, payouts."""
