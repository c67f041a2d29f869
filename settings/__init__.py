"""The one declaration of all options, and the typed settings of a run made from it; parser, form and docs follow."""
