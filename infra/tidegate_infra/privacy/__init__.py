"""`tidegate privacy`: what the gate does with personal data, shown, proved and, on request, undone."""
