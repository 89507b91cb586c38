"""The pages below /console/, one blueprint per part."""
