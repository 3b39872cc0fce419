"""The probe against every other way to tell right answers from wrong ones."""
