"""What licensees owe and pay: party profiles, invoices, credit, receipts."""
