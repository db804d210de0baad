"""The config as typed objects that the rules speak to, and settings that the rooms of the package declare."""
