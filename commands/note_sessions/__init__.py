"""Note sessions: sittings of work on notes (contract: planner_platform 8, clients 6.8)."""
