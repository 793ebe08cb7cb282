"""What somebody did and plans: heat map, week, recently touched notes."""
