"""What good clients feel of bad ones beside them."""
