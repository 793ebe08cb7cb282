"""Accounts: who may sign in, the author card that notes and courses show, settings, invitations, linked identities."""
