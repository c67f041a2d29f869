"""The one declaration of all options, and the checked settings made from it for parser, environment, form and docs."""
