"""The one declaration of all options, and the checked settings made from it; it opens no connection."""
