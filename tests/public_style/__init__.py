"""Programs in the style of public numeric code: each with helpers, containers and libraries of its own choice."""
