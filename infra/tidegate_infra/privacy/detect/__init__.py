"""`tidegate privacy detect`: what kinds of personal data a stronger detector finds in stored texts."""
